// Package render makes texts of events by templates (text/template and html/template), as the kinds do that let an operator say
// what they send.
//
// A text is bounded however large its event is, and an error says what is wrong in words: the line, the part of the template,
// and what the event lacks. It repeats nothing that the event holds.
package render
