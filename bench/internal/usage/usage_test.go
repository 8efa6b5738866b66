package usage_test

import (
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/millrace/millrace/bench/internal/usage"
)

func TestCPUGrowsWithWork(t *testing.T) {
	before, err := usage.CPU(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); ; {
		for number := range 1_000_000 {
			_ = time.Duration(number).String()
		}
		after, err := usage.CPU(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		if after-before > 10*time.Millisecond {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("CPU(this process): grew by %v in 20s of work", after-before)
		}
	}
}

func TestPeakRSSIsTheWholeProcess(t *testing.T) {
	peak, err := usage.PeakRSS(os.Getpid())
	if err != nil || peak < 1<<20 || peak > 1<<30 {
		t.Errorf("PeakRSS(this process) = %d, %v, want some megabytes", peak, err)
	}
}

func TestAProcessThatIsGoneIsAnError(t *testing.T) {
	ended := exec.CommandContext(t.Context(), "true")
	if err := ended.Run(); err != nil {
		t.Fatal(err)
	}
	if used, err := usage.CPU(ended.Process.Pid); err == nil {
		t.Errorf("CPU(a process that has ended) = %v, want an error", used)
	}
	if peak, err := usage.PeakRSS(ended.Process.Pid); err == nil {
		t.Errorf("PeakRSS(a process that has ended) = %d, want an error", peak)
	}
}
