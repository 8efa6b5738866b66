package stream_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/millrace/millrace/stream"
)

// The operations of ours that an operator asks for.

func trimStream(s *side, d dice) (did, came string) {
	retention, dry := one(d, 0, 0, 24*time.Hour, -time.Hour), d.chance(30)
	trimmed, err := s.client.Trim(s.ctx, retention, dry)
	upTo := "up to the clock "
	if _, known := s.entries.numbers[trimmed.UpTo]; known || trimmed.UpTo.IsZero() {
		upTo = "up to " + s.entries.label(trimmed.UpTo) + " "
	}
	trimmed.UpTo = stream.ID{}
	return fmt.Sprintf("%v dry %t", retention, dry), upTo + s.outcome(trimmed, err)
}

// letter draws a dead letter by its number.
func (d dice) letter(group string) int {
	if letters := d.view.letters[group]; len(letters) > 0 && !d.chance(8) {
		return one(d, letters...)
	}
	return one(d, -1, 0, 1)
}

func (s *side) letterIDs(d dice, group string) []stream.ID {
	var ids []stream.ID
	for _, number := range d.several(2, func() int { return d.letter(group) }) {
		ids = append(ids, s.letterLabels(group).id(number))
	}
	return ids
}

func (s *side) lettersText(group string, ids []stream.ID) string {
	texts := make([]string, len(ids))
	for i, id := range ids {
		texts[i] = s.letterLabel(group, id)
	}
	return strings.Join(texts, ", ")
}

// deadText is a dead letter with its label in the place of its ID, which might be that of an entry too.
func (s *side) deadText(group string, letter stream.DeadLetter) string {
	label, fields := s.letterLabel(group, letter.ID), s.fieldsText(letter.Fields)
	letter.ID, letter.Fields = stream.ID{}, nil
	return label + " " + s.text(letter) + " " + fields
}

func listDead(s *side, d dice) (did, came string) {
	group, count := d.group(), one(d, 1, 3, 100)
	from := stream.ID{}
	if d.chance(30) {
		from = s.letterLabels(group).id(d.letter(group))
	}
	number, countErr := s.client.CountDead(s.ctx, group)
	letters, err := s.client.DeadLetters(s.ctx, group, from, count)
	lines := []string{s.outcome(number, countErr), s.outcome(nil, err)}
	for _, letter := range letters {
		lines = append(lines, s.deadText(group, letter))
	}
	return fmt.Sprintf("%s from %s, up to %d", group, s.letterLabel(group, from), count), strings.Join(lines, "\n")
}

func findDead(s *side, d dice) (did, came string) {
	group := d.group()
	id := s.entries.id(d.entry(group))
	did = "of entry " + s.entries.label(id)
	if d.chance(40) {
		id = s.letterLabels(group).id(d.letter(group))
		did = s.letterLabel(group, id)
	}
	letter, err := s.client.DeadLetter(s.ctx, group, id)
	return group + " " + did, s.outcome(nil, err) + s.deadText(group, letter)
}

func removeDead(s *side, d dice) (did, came string) {
	group := d.group()
	ids := s.letterIDs(d, group)
	removed, err := s.client.RemoveDead(s.ctx, group, ids)
	return group + " " + s.lettersText(group, ids), s.outcome(removed, err)
}

func requeueSome(s *side, d dice) (did, came string) {
	group := d.group()
	ids := s.letterIDs(d, group)
	requeued, err := s.client.Requeue(s.ctx, group, ids)
	return group + " " + s.lettersText(group, ids), s.outcome(nil, err) + s.requeued(group, requeued)
}

func (s *side) requeued(group string, all []stream.Requeued) string {
	lines := make([]string, len(all))
	for i, one := range all {
		if !one.EntryID.IsZero() {
			s.entries.add(one.EntryID)
		}
		lines[i] = fmt.Sprintf("%s: %s, gone %t, refused %q", s.letterLabel(group, one.ID), s.entries.label(one.EntryID),
			one.Gone, one.Refused)
	}
	return strings.Join(lines, "\n")
}

func requeueCommands(s *side, d dice) (did, came string) {
	group := d.group()
	ids := s.letterIDs(d, group)
	commands, without, err := s.client.RequeueCommands(s.ctx, group, ids)
	lines := []string{s.requeued(group, without)}
	for _, command := range commands {
		if command[0] == "XDEL" { // the letter's ID
			command = command[:2]
		}
		lines = append(lines, s.fieldsText([]stream.Field{{Name: "command", Value: strings.Join(command, " ")}}))
	}
	return group + " " + s.lettersText(group, ids), s.outcome(nil, err) + strings.Join(lines, "\n")
}

func inspectAll(s *side, _ dice) (did, came string) {
	status, err := s.client.Inspect(s.ctx)
	return "", s.outcome(status, err)
}

func listPending(s *side, d dice) (did, came string) {
	group, count := d.group(), one(d, 1, 2, 300)
	from := stream.ID{}
	if d.chance(30) {
		from = s.entries.id(d.entry(group))
	}
	pending, err := s.client.Pending(s.ctx, group, from, count)
	return fmt.Sprintf("%s from %s, up to %d", group, s.entries.label(from), count), s.outcome(pending, err)
}

func lookUpEvent(s *side, d dice) (did, came string) {
	id := s.entries.id(d.entry(one(d, "g", "h")))
	status, err := s.client.Event(s.ctx, id)
	var letters []string
	for i := range status.Groups {
		group := &status.Groups[i]
		letters = append(letters, s.letterLabel(group.Group, group.DeadLetter))
		group.DeadLetter = stream.ID{}
	}
	fields := s.fieldsText(status.Fields)
	status.Fields = nil
	return s.entries.label(id), s.outcome(status, err) + fmt.Sprint(letters) + fields
}

func listRegistered(s *side, _ dice) (did, came string) {
	registered, err := s.client.Registered(s.ctx)
	return "", s.outcome(registered, err)
}
