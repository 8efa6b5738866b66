// Package notify sends an e-mail for each event, by SMTP (RFC 5321): an order's confirmation unless templates say otherwise.
//
// The subject, the bodies and the recipients are templates over a View: text/template, and html/template for HTML, which
// escapes what the event says. A name that the event's data lacks is a permanent error that says which. Line breaks in a
// subject become spaces, and each template of Options.To gives one address, so nothing in an event adds a header or a
// recipient.
//
// # Once
//
// SMTP has no way to hand in a mail at most once: a server that has accepted one, and whose answer is lost, was not seen to
// do so. What can be done is done. A marker in Redis, `{mail}:sent:<group>:<event>:<event_id>`, says that an event's mail
// is being sent, so that no two deliveries send it at once, and then holds its Message-ID, so that a delivery which comes
// again, after a crash before the ack or by a replay, sends nothing. Between the server's answer and the marker there is a
// moment in which a crash, or a Redis that cannot be reached, leads to a second mail. Both then carry the same Message-ID,
// which is made of the group, the event's name and its ID: programs that read mail show such a pair once, or can. Who wants
// a mail sent again deletes the marker.
//
// # What fails
//
// An answer of 5xx to the sender, a recipient or the message is a permanent error, and so is an event that makes no mail.
// With several recipients, one that is refused keeps the mail from all. Everything else is tried again: 4xx, a server that
// cannot be reached, a certificate that is not trusted, a user or password that is refused (an operator mends those for
// all mails at once), and an attachment that is not there yet.
//
// An error repeats neither password nor payload, and of the server's answer no recipient's address.
package notify
