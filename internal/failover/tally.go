package main

import "fmt"

// tally counts what became of publishes.
type tally struct {
	// plain and waited are the events whose publish was acknowledged, without WAIT and with it.
	plain, waited counts
	// unsure are the publishes that ended with an error.
	unsure int
	// repeated counts the handlings that began after one of the same event had succeeded in the same group.
	repeated int
	// concurrent counts the events that two handlings had at once in some group.
	concurrent int
}

// counts is what became of acknowledged events.
type counts struct {
	acknowledged int
	gone         int // not in the stream at the end
	lost         int // gone, and never handled by some group
}

func (c *counts) add(gone, handled bool) {
	c.acknowledged++
	if gone {
		c.gone++
	}
	if gone && !handled {
		c.lost++
	}
}

func (c *counts) sum(other counts) {
	c.acknowledged += other.acknowledged
	c.gone += other.gone
	c.lost += other.lost
}

// String is the counts in words.
func (c counts) String() string {
	return fmt.Sprintf("%d acknowledged, %d gone (%d of them never handled)", c.acknowledged, c.gone, c.lost)
}

func (t *tally) add(one publish, gone, handled bool) {
	switch {
	case one.err != nil:
		t.unsure++
	case one.waited:
		t.waited.add(gone, handled)
	default:
		t.plain.add(gone, handled)
	}
}

func (t *tally) sum(other tally) {
	t.plain.sum(other.plain)
	t.waited.sum(other.waited)
	t.unsure += other.unsure
	t.repeated += other.repeated
	t.concurrent += other.concurrent
}

// String is the tally in words.
func (t tally) String() string {
	return fmt.Sprintf("plain: %v; with WAIT: %v; unsure: %d; handled again: %d, at once: %d",
		t.plain, t.waited, t.unsure, t.repeated, t.concurrent)
}
