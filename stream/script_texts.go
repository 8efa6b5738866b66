package stream

// ScriptTexts returns the text of every script that a Client runs, for a server that runs no others.
func ScriptTexts() []string {
	all := loadScripts()
	programs := []script{
		all.ack, all.adopt, all.begin, all.ensure, all.giveUp, all.leave, all.release, all.renew, all.settle,
		all.sweep,
		all.entryIDs, all.findDead, all.findRepeats, all.inspect, all.requeue, all.trim, all.publish,
		all.publishBatch,
	}
	texts := make([]string, len(programs))
	for i, program := range programs {
		texts[i] = program.source
	}
	return texts
}
