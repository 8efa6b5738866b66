package php

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
)

// FindCLI returns the path of the php of the command line. The error says what to install.
func FindCLI() (string, error) {
	path, err := exec.LookPath("php")
	if err != nil {
		return "", fmt.Errorf("php is not in the PATH (on Debian: php-cli)")
	}
	return path, nil
}

// FindFPM returns the path of PHP-FPM, whose name holds its version in many systems. The error says what to install.
func FindFPM() (string, error) {
	if path, err := exec.LookPath("php-fpm"); err == nil {
		return path, nil
	}
	found, err := filepath.Glob("/usr/sbin/php-fpm*")
	if err != nil || len(found) == 0 {
		return "", fmt.Errorf("PHP-FPM is neither in the PATH nor in /usr/sbin (on Debian: php-fpm)")
	}
	return slices.Max(found), nil
}
