package consumers

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestInsist(t *testing.T) {
	const longest = 200 * time.Millisecond
	synctest.Test(t, func(t *testing.T) {
		began, last := time.Now(), time.Now()
		tries := 0
		err := insist(t.Context(), longest, func() error {
			tries++
			if pause := time.Since(last); pause > longest {
				t.Errorf("try %d came %v after the one before, want at most %v", tries, pause, longest)
			}
			if last = time.Now(); last.Sub(began) < 10*time.Second {
				return errors.New("no connection")
			}
			return nil
		})
		if err != nil || tries < 50 || tries > 60 {
			t.Errorf("insist: got %v after %d tries in 10s, want success after about 50", err, tries)
		}
	})
}
