package history

// Check reports every fault of the history as it stands, group by group in the order in which New named them. It
// changes nothing, and may be called again after more was recorded; whoever records waits for it meanwhile.
func (h *History) Check() Report {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	report := Report{Seed: h.seed, Groups: make([]GroupReport, 0, len(h.groups))}
	var scratch handlings
	for _, group := range h.groups {
		report.Groups = append(report.Groups, h.checkGroup(group, &scratch))
	}
	return report
}

func (h *History) checkGroup(group *group, scratch *handlings) GroupReport {
	report := GroupReport{Group: group.name}
	for event, id := range h.events.names {
		var known trace
		if event < len(group.traces) {
			known = group.traces[event]
		}
		scratch.collect(&group.journal, known.last, h.deaths)
		judged := judge(h.publishes[event], known, scratch)
		report.count(judged)
		report.list(id, judged)
	}
	return report
}

// finding is what one event came to in one group.
type finding struct {
	published Publish // 0: never
	pending   bool
	acked     bool
	succeeded bool
	letters   int // dead letters
	reasoned  bool
	inFlight  int
	handlings int
	repeats   int
	overlap   bool
}

func judge(published Publish, known trace, done *handlings) finding {
	return finding{
		published: published,
		pending:   known.pending,
		acked:     known.acked,
		succeeded: done.firstSuccess() >= 0,
		letters:   int(known.deadLetters),
		reasoned:  known.unreadable || done.unsuccessful(),
		inFlight:  int(known.inFlight),
		handlings: len(done.list),
		repeats:   done.repeats(),
		overlap:   done.overlap(),
	}
}

func (f finding) dead() bool { return f.letters > 0 }

// settled says whether the group brought the event to an end.
func (f finding) settled() bool { return f.succeeded || f.dead() }

func (f finding) lost() bool {
	return f.published == Acknowledged && !f.settled() && !f.pending
}

func (f finding) unexpected() bool {
	return f.published < Unknown && (f.handlings > 0 || f.dead())
}

func (f finding) duplicated() bool { return f.repeats > f.inFlight }

func (f finding) deadTwice() bool { return f.letters > 1 }

func (f finding) deadHandled() bool { return f.dead() && f.succeeded }

func (f finding) deadUnreasoned() bool { return f.dead() && !f.succeeded && !f.reasoned }

func (f finding) ackedUnhandled() bool {
	return f.acked && !f.settled()
}

// recovered says whether a publish of unknown result turned out to have happened.
func (f finding) recovered() bool {
	return f.published == Unknown && (f.settled() || f.handlings > 0 || f.pending || f.acked)
}
