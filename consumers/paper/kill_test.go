package paper_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// writerDirectory names the directory that this test binary writes to for ever, when it is started as the process to
// kill.
const writerDirectory = "MILLRACE_TEST_WRITER_DIRECTORY"

func TestMain(m *testing.M) {
	if path := os.Getenv(writerDirectory); path != "" {
		writeForEver(path)
	}
	os.Exit(m.Run())
}

// writeForEver writes one file after another in four goroutines, each file many times.
func writeForEver(path string) {
	directory := newDirectory(&testing.T{}, path)
	for writer := range 4 {
		go func() {
			for i := 0; ; i++ {
				content := "%PDF-1.3\n" + strings.Repeat(fmt.Sprintln(writer, i), 2000+i%500) + "%%EOF\n"
				if err := directory.Write(fmt.Sprintf("%d-%d.pdf", writer, i%1000), []byte(content)); err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(1)
				}
			}
		}()
	}
	select {}
}

// A process that is killed while it writes leaves no file half written.
func TestKilledWriterLeavesWholeFiles(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	for round := range 5 {
		killWriter(t, path, (round+1)*300)
		for _, name := range list(t, path) {
			content := []byte(read(t, filepath.Join(path, name)))
			whole := bytes.HasPrefix(content, []byte("%PDF")) && bytes.HasSuffix(content, []byte("%%EOF\n"))
			if !whole && !strings.HasPrefix(name, ".tmp-") {
				t.Fatalf("round %d: %s is not whole: it holds %d bytes", round, name, len(content))
			}
		}
	}
}

// killWriter starts a writer and kills it when the directory holds so many files.
func killWriter(t *testing.T, path string, files int) {
	t.Helper()
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), writerDirectory+"="+path)
	command.Stderr = os.Stderr
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	written := len(list(t, path)) // at that moment: a temporary file is gone when it takes the place of another
	for deadline := time.Now().Add(time.Minute); written < files && time.Now().Before(deadline); written = len(list(t, path)) {
		time.Sleep(time.Millisecond)
	}
	if err := command.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = command.Wait() // which reports the kill
	if written < files {
		t.Fatalf("the writer wrote %d files in a minute, want %d", written, files)
	}
}

func TestDirectoryIsSafeForManyWriters(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "printed")
	directory := newDirectory(t, path)
	writers := sync.WaitGroup{}
	for writer := range 64 {
		writers.Go(func() {
			content := strings.Repeat(fmt.Sprintln("event", writer%8), 1000)
			if err := directory.Write(fmt.Sprintf("%d.pdf", writer%4), []byte(content)); err != nil {
				t.Errorf("Write: %v", err)
			}
		})
	}
	writers.Wait()
	for _, name := range list(t, path) {
		content := read(t, filepath.Join(path, name))
		first, _, _ := strings.Cut(content, "\n")
		if content != strings.Repeat(first+"\n", 1000) {
			t.Errorf("%s is a mixture of what several wrote", name)
		}
	}
}
