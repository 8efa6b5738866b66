package webhook

// Refuse is what is asked before each connection.
var Refuse = refuse
