// Package fastcgi hands each event to a script under a FastCGI server such as PHP-FPM, so that the processes which a shop has
// running anyway do the work.
//
// It speaks FastCGI 1.0 as a web server does, in the responder role. The event's data is the request's body (php://input), and
// what else is known of it stands in the headers that package remote describes, which PHP shows as $_SERVER['HTTP_CE_ID'] and so
// on. The script answers with a status, by http_response_code: 2xx, which is also what a script that says nothing answers, is
// success, and the text that it prints the handling's result; 408, 409, 425, 429 and 5xx are tried again, Retry-After is
// honoured, and every other status makes a dead letter at once. What the server reports beside the answer, such as PHP's own
// errors, begins the error. An answer that breaks off is none: the event is tried again.
//
// A script that ends by an error answers 500 only where PHP's display_errors is off, as it should be. Where it is on, PHP answers
// 200; if the error is reported beside the answer as well (log_errors, without an error_log), the event is tried again all the
// same.
//
// A connection holds a process of the pool for as long as it is open. There are as many as handlings run at once, and one that is
// idle is closed after a second. A connection that turns out to be dead is replaced within one delivery, so that a pool may be
// restarted at any time; the script may have begun then, and makes its effect idempotent with the header Idempotency-Key.
package fastcgi
