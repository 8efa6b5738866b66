package catalog

import (
	"errors"
	"fmt"
	"slices"

	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/consumers/command"
)

// maxEventsOfAProcess is far beyond what a process handles in its life.
const maxEventsOfAProcess = 1_000_000_000

func readCommand(with *section) constructor {
	options := command.Options{
		Argv: readArgv(with),
		Mode: readMode(with),
		Dir:  with.text("dir"),
	}
	options.MaxEvents = with.whole("max_events", 0, 1, maxEventsOfAProcess)
	if with.has("max_events") && (options.Mode == "" || options.Mode == command.Once) {
		with.fault("max_events", "expected mode: %s beside it, since every event has a process of its own otherwise", command.Persistent)
	}
	allowed := readAllowed(with)
	return func(dependencies Dependencies) (consumers.Handler, error) {
		ready := options
		environment, missing := allow(allowed, dependencies.Environment)
		ready.Environment, ready.Logger = environment, dependencies.Logger
		handler, err := command.New(ready)
		if missing != nil && err == nil {
			err = handler.Close()
		}
		if err := errors.Join(missing, err); err != nil {
			return nil, err
		}
		return handler, nil
	}
}

// readArgv reads the program and its arguments.
func readArgv(with *section) []string {
	var argv []string
	for _, item := range with.texts("argv", "[php, handlers/erp.php]") {
		argv = append(argv, item.text)
	}
	if len(argv) > 0 && argv[0] == "" {
		with.fault("argv", "expected a program first, got an empty text")
	}
	return argv
}

// readMode reads how long a process lives.
func readMode(with *section) command.Mode {
	mode := command.Mode(with.text("mode"))
	if known := []command.Mode{"", command.Once, command.Persistent}; !slices.Contains(known, mode) {
		with.fault("mode", "expected %s or %s, got %s", command.Once, command.Persistent, quote(string(mode)))
	}
	return mode
}

// readAllowed reads the names of the variables that the program may see.
func readAllowed(with *section) []string {
	if !with.has("environment") {
		with.asked = append(with.asked, "environment")
		return nil
	}
	var names []string
	for _, item := range with.texts("environment", "[ERP_DSN]") {
		switch {
		case !command.IsVariable(item.text):
			with.report.add(item.line, with.below("environment"), "expected the name of a variable, got %s", quote(item.text))
		case slices.Contains(names, item.text):
			with.report.add(item.line, with.below("environment"), "%s stands here twice", item.text)
		}
		names = append(names, item.text)
	}
	return names
}

// allow is the part of the environment that a program may see: PATH, and what is allowed by name. The error tells of every
// variable that is not set.
func allow(names []string, environment map[string]string) ([]string, error) {
	var allowed []string
	var missing []error
	if path, isSet := environment["PATH"]; isSet && !slices.Contains(names, "PATH") {
		allowed = append(allowed, "PATH="+path)
	}
	for _, name := range names {
		value, isSet := environment[name]
		if !isSet {
			missing = append(missing, fmt.Errorf("environment: the variable %s is not set: set it, or take it off the list", name))
			continue
		}
		allowed = append(allowed, name+"="+value)
	}
	return allowed, errors.Join(missing...)
}
