package command

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// program is what is started: found once, when the handler is made.
type program struct {
	path        string // absolute, or relative to dir
	argv        []string
	environment []string
	dir         string
}

// program looks for the program and for the script that it is to read. The error says what to mend.
func (o Options) program() (*program, error) {
	if len(o.Argv) == 0 || o.Argv[0] == "" {
		return nil, errors.New("argv: expected a program and its arguments")
	}
	if strings.ContainsRune(strings.Join(o.Argv, ""), 0) {
		return nil, errors.New("argv: an argument holds a zero byte")
	}
	if err := o.checkDir(); err != nil {
		return nil, err
	}
	path, err := o.find(o.Argv[0])
	if err != nil {
		return nil, fmt.Errorf("argv: %w", err)
	}
	if err := o.checkScript(); err != nil {
		return nil, fmt.Errorf("argv: %w", err)
	}
	return &program{path: path, argv: o.Argv, environment: o.Environment, dir: o.Dir}, nil
}

func (o Options) checkDir() error {
	if o.Dir == "" {
		return nil
	}
	if info, err := os.Stat(o.Dir); err != nil {
		return fmt.Errorf("dir: %w", err)
	} else if !info.IsDir() {
		return fmt.Errorf("dir: %s is no directory", o.Dir)
	}
	return nil
}

// find returns the file of the program called name.
func (o Options) find(name string) (string, error) {
	if strings.ContainsRune(name, filepath.Separator) {
		return name, checkExecutable(o.inDir(name))
	}
	directories := o.searched()
	for _, directory := range directories {
		if path := filepath.Join(directory, name); checkExecutable(path) == nil {
			return path, nil
		}
	}
	hint := "install it, or say where it is"
	if checkFile(o.inDir(name)) == nil {
		hint = "for the file in the working directory, say ./" + name
	}
	return "", fmt.Errorf("no program %q is in the PATH, which is %q: %s", name, strings.Join(directories, ":"), hint)
}

// searched are the directories in which programs are looked for. A relative one is no place for programs.
func (o Options) searched() []string {
	var directories []string
	for _, variable := range o.Environment {
		if list, isPath := strings.CutPrefix(variable, "PATH="); isPath {
			directories = filepath.SplitList(list)
		}
	}
	return slices.DeleteFunc(directories, func(directory string) bool { return !filepath.IsAbs(directory) })
}

// inDir is where a relative path of the program's leads.
func (o Options) inDir(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(o.Dir, path)
}

func checkFile(path string) error {
	info, err := os.Stat(path)
	if err == nil && info.IsDir() {
		return fmt.Errorf("%s is a directory", path)
	}
	return err
}

func checkExecutable(path string) error {
	if err := checkFile(path); err != nil {
		return err
	}
	if info, err := os.Stat(path); err != nil || info.Mode()&0o111 == 0 {
		return fmt.Errorf("%s is not executable: run `chmod +x` on it, or name what runs it first, as in [php, %s]", path, path)
	}
	return nil
}

// checkScript looks for the script that an interpreter is to read: without it every event would be tried in vain.
func (o Options) checkScript() error {
	interpreters := []string{"php", "python", "node", "ruby", "perl", "sh", "bash", "dash"}
	extensions := []string{".php", ".py", ".js", ".mjs", ".cjs", ".rb", ".pl", ".sh"}
	interpreter := strings.TrimRight(filepath.Base(o.Argv[0]), "0123456789.")
	if !slices.Contains(interpreters, interpreter) {
		return nil
	}
	script := slices.IndexFunc(o.Argv[1:], func(argument string) bool {
		return slices.Contains(extensions, filepath.Ext(argument)) && !strings.HasPrefix(argument, "-")
	})
	if script < 0 {
		return nil
	}
	return checkFile(o.inDir(o.Argv[1+script]))
}

// name is what errors call the program.
func (p *program) name() string { return filepath.Base(p.argv[0]) }

// command is the program, ready to start with further variables in its environment.
func (p *program) command(variables ...string) *exec.Cmd {
	return &exec.Cmd{
		Path: p.path, Args: p.argv, Dir: p.dir, Env: slices.Concat(p.environment, variables), SysProcAttr: groupOfItsOwn(),
	}
}

// notStarted explains why the program could not be started.
func (p *program) notStarted(err error) error {
	path := p.path
	if !filepath.IsAbs(path) {
		path = filepath.Join(p.dir, path)
	}
	if errors.Is(err, fs.ErrNotExist) && checkFile(path) == nil {
		return fmt.Errorf("start %s: its working directory is gone, or what its first line names to run it: %w", p.name(), err)
	}
	return fmt.Errorf("start %s: %w", p.name(), err)
}
