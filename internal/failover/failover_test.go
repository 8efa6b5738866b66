package main

import (
	"io"
	"os"
	"slices"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"
)

func TestMain(m *testing.M) {
	silenceLibrary()
	os.Exit(m.Run())
}

// mostOutage is how long after every sentinel or node knows the new master everything may take to work again. It takes 3 s
// at most where the machine has nothing else to do, as the program itself shows; here many tests share it.
const mostOutage = 10 * time.Second

// playSound plays one round and complains where anything happened that the failover does not explain.
func playSound(t *testing.T, told settings) outcome {
	t.Helper()
	if testing.Short() {
		t.Skip("starts and kills many servers for many seconds")
	}
	told.rate, told.log = 200, zaptest.NewLogger(t, zaptest.Level(zap.ErrorLevel))
	came, err := play(t.Context(), t.TempDir(), told)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%v\n%v\n%v", came, came.tally, came.report)
	if err := came.report.Sound(); err != nil {
		t.Error(err)
	}
	if came.waited.acknowledged == 0 || came.waited.gone > 0 {
		t.Errorf("with WAIT: %v, want some and none gone", came.waited)
	}
	if outage := came.last - came.change.agreed.Sub(came.change.at); outage > mostOutage {
		t.Errorf("the last consumer and group handled a new event %v after the new master was known, want at most %v",
			outage, mostOutage)
	}
	return came
}

func TestSentinelsReplaceAKilledMaster(t *testing.T) {
	t.Parallel()
	playSound(t, settings{scenario: crash, wait: 1})
}

// TestSentinelsReplaceALivingMaster waits for both replicas: the one that is not promoted goes on confirming what the new
// master never gets.
func TestSentinelsReplaceALivingMaster(t *testing.T) {
	t.Parallel()
	playSound(t, settings{scenario: planned, wait: 2})
}

func TestClusterReplacesAKilledMaster(t *testing.T) {
	t.Parallel()
	playSound(t, settings{scenario: clusterCrash, wait: 1})
}

func TestClusterMovesASlot(t *testing.T) {
	t.Parallel()
	came := playSound(t, settings{scenario: slotMove, wait: 1, flow: time.Second})
	if came.plain.gone > 0 || came.repeated > 0 {
		t.Errorf("without the loss of a server: %v, want none gone and none handled again", came.tally)
	}
}

// TestWindowBeginsWithWhatIsGone has a replica that was further behind than a window foresees.
func TestWindowBeginsWithWhatIsGone(t *testing.T) {
	t.Parallel()
	zero := time.Unix(1000, 0)
	at := func(second int) time.Time { return zero.Add(time.Duration(second) * time.Second) }
	there := map[string]bool{"e1": true, "e3": true}
	publishes := []publish{
		{event: "e0", began: at(0), err: io.EOF}, // nobody knows whether that was ever there
		{event: "e1", began: at(1)},
		{event: "e2", began: at(2)},
		{event: "e3", began: at(3)},
		{event: "e4", began: at(9)},
	}
	windows := []window{{at(5), at(6)}, {at(1), at(6)}}
	got := (&load{publishes: publishes}).widened(windows, there)
	want := []window{{at(2).Add(-ackBefore), at(6)}, {at(1), at(6)}}
	if !slices.Equal(got, want) {
		t.Errorf("widened: got %v, want %v", got, want)
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args []string
		want int
	}{
		{[]string{"-scenario", planned, "-rounds", "3"}, 3},
		{[]string{"-scenario", "none"}, 0},
		{[]string{"-rounds", "0"}, 0},
		{[]string{"-rate", "0"}, 0},
		{[]string{"-wait", "-1"}, 0},
		{[]string{"argument"}, 0},
	} {
		told, rounds, err := parse(c.args, io.Discard)
		if rounds != c.want || (err == nil) != (c.want > 0) || c.want > 0 && told.scenario != planned {
			t.Errorf("parse(%q) = %+v, %d rounds, %v, want %d rounds", c.args, told, rounds, err, c.want)
		}
	}
}
