package paper_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/consumers/paper"
	"github.com/millrace/millrace/consumers/paper/papertest"
)

func open(t *testing.T, destination paper.Destination) paper.Output {
	t.Helper()
	output, err := destination.Open()
	if err != nil {
		t.Fatalf("Open of %+v: %v", destination, err)
	}
	return output
}

func zplJob(name string) paper.Job {
	return paper.Job{Name: name, Formats: []string{"application/vnd.cups-raw", "application/octet-stream"}, Content: []byte("^XA^FDa label^FS^XZ")}
}

// A print server of its own, with the policies of Debian, in front of a printer that takes raw data.
func TestCUPS(t *testing.T) {
	t.Parallel()
	cups, sink := papertest.StartCUPS(t), papertest.StartSink(t)
	label := open(t, paper.Destination{Printer: cups.Add("label", sink.Address(), "raw")})
	stopped := open(t, paper.Destination{Printer: cups.Add("stopped", sink.Address(), "raw")})
	t.Run("printed", func(t *testing.T) {
		job := zplJob("label-1.zpl")
		place, err := label.Print(t.Context(), job)
		if err != nil || !strings.HasSuffix(place, " of printer label") {
			t.Fatalf("Print: %q, %v: %s", place, err, cups.Log())
		}
		if got := sink.Next(t.Context(), t); !bytes.Equal(got, job.Content) {
			t.Errorf("the printer got %q, want %q", got, job.Content)
		}
		if listed := cups.Command("/usr/bin/lpstat", "-W", "completed", "-o"); !strings.Contains(listed, "label-1 ") || !strings.Contains(listed, "millrace") {
			t.Errorf("lpstat lists %q, want the job label-1 of millrace", listed)
		}
		job.Again = true
		if again, err := label.Print(t.Context(), job); err != nil || again != place {
			t.Errorf("Print of what was printed: %q, %v, want %q", again, err, place)
		}
		if sink.Waiting() != 0 {
			t.Errorf("the label came out %d times more", sink.Waiting())
		}
	})
	t.Run("no such printer", func(t *testing.T) {
		_, err := open(t, paper.Destination{Printer: cups.Address("lable")}).Print(t.Context(), zplJob("label-2.zpl"))
		if want := "printer lable: there is no such printer"; err == nil || !strings.Contains(err.Error(), want) || isPermanent(err) {
			t.Errorf("Print: %v, want %q, to be tried again", err, want)
		}
	})
	t.Run("takes no jobs", func(t *testing.T) {
		cups.Command("/usr/sbin/cupsreject", "label")
		defer cups.Command("/usr/sbin/cupsaccept", "label")
		_, err := label.Print(t.Context(), zplJob("label-3.zpl"))
		if want := "printer label: it takes no jobs now"; err == nil || !strings.Contains(err.Error(), want) || isPermanent(err) {
			t.Errorf("Print: %v, want %q, to be tried again", err, want)
		}
	})
	t.Run("cannot be printed", func(t *testing.T) {
		job := zplJob("label-4.zpl")
		job.Formats = []string{"application/x-unheard-of"}
		_, err := label.Print(t.Context(), job)
		if want := "printer label: it cannot print this format"; err == nil || !strings.Contains(err.Error(), want) || !isPermanent(err) {
			t.Errorf("Print: %v, want %q, permanent", err, want)
		}
	})
	t.Run("stopped, and started again", func(t *testing.T) {
		cups.Command("/usr/sbin/cupsdisable", "stopped")
		job := zplJob("label-5.zpl")
		ctx, stop := context.WithTimeoutCause(t.Context(), 3*time.Second, consumers.ErrTimeout)
		defer stop()
		_, err := stopped.Print(ctx, job)
		if want := "printer stopped is stopped (paused): job "; err == nil || !strings.HasPrefix(err.Error(), want) || isPermanent(err) {
			t.Errorf("Print: %v, want %q, to be tried again", err, want)
		}
		if listed := cups.Command("/usr/bin/lpstat", "-o"); listed != "" {
			t.Errorf("the print server still has %q, want the job cancelled", listed)
		}
		cups.Command("/usr/sbin/cupsenable", "stopped")
		job.Again = true
		if _, err := stopped.Print(t.Context(), job); err != nil {
			t.Errorf("Print after the printer was started: %v", err)
		}
		if got := sink.Next(t.Context(), t); !bytes.Equal(got, job.Content) || sink.Waiting() != 0 {
			t.Errorf("the printer got %q and %d more, want one label", got, sink.Waiting())
		}
	})
	t.Run("switched off behind the print server", func(t *testing.T) {
		off := open(t, paper.Destination{Printer: cups.Add("off", "127.0.0.1:1", "raw")})
		ctx, stop := context.WithTimeoutCause(t.Context(), 5*time.Second, consumers.ErrTimeout)
		defer stop()
		_, err := off.Print(ctx, zplJob("label-7.zpl"))
		if want := `printer off has not printed it in time (processing) and says "The printer may not exist`; err == nil || !strings.HasPrefix(err.Error(), want) || !strings.HasSuffix(err.Error(), " was cancelled") || isPermanent(err) {
			t.Errorf("Print: %v, want %q, to be tried again", err, want)
		}
	})
	t.Run("left in a stopped printer by a process that ended", func(t *testing.T) {
		cups.Command("/usr/sbin/cupsdisable", "stopped")
		job := zplJob("label-6.zpl")
		ctx, end := context.WithTimeoutCause(t.Context(), 2*time.Second, consumers.ErrShutdown)
		defer end()
		if _, err := stopped.Print(ctx, job); err == nil || !strings.HasSuffix(err.Error(), "is left there for the next delivery") {
			t.Errorf("Print: %v, want the job left there", err)
		}
		cups.Command("/usr/sbin/cupsenable", "stopped")
		job.Again = true
		if _, err := stopped.Print(t.Context(), job); err != nil {
			t.Errorf("Print again: %v", err)
		}
		if got := sink.Next(t.Context(), t); !bytes.Equal(got, job.Content) || sink.Waiting() != 0 {
			t.Errorf("the printer got %q and %d more, want one label", got, sink.Waiting())
		}
	})
}

func isPermanent(err error) bool {
	for ; err != nil; err = errors.Unwrap(err) {
		if fmt.Sprintf("%T", err) == fmt.Sprintf("%T", consumers.Permanent(err)) {
			return true
		}
	}
	return false
}
