package notify

// ScriptTexts returns the text of every script that a handler runs, for a server that runs no others.
func ScriptTexts() []string { return []string{claimSource, settleSource} }
