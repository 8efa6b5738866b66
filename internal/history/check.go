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
	dead      bool
	handlings int
	repeats   int
	overlap   bool
	// unreasoned: its dead letter, or the second one, should not be there.
	unreasoned bool
}

func judge(published Publish, known trace, done *handlings) finding {
	judged := finding{
		published: published,
		pending:   known.pending,
		acked:     known.acked,
		succeeded: done.firstSuccess() >= 0,
		dead:      known.deadLetters > 0,
		handlings: len(done.list),
		repeats:   done.repeats(),
		overlap:   done.overlap(),
	}
	reasoned := known.deadLetters == 1 && !judged.succeeded && (known.unreadable || done.unsuccessful())
	judged.unreasoned = judged.dead && !reasoned
	return judged
}

// settled says whether the group brought the event to an end.
func (f finding) settled() bool { return f.succeeded || f.dead }

func (f finding) lost() bool {
	return f.published == Acknowledged && !f.settled() && !f.pending
}

func (f finding) unexpected() bool {
	return f.published < Unknown && (f.handlings > 0 || f.dead)
}

func (f finding) ackedUnhandled() bool {
	return f.acked && !f.settled()
}

// recovered says whether a publish of unknown result turned out to have happened.
func (f finding) recovered() bool {
	return f.published == Unknown && (f.settled() || f.handlings > 0 || f.pending || f.acked)
}
