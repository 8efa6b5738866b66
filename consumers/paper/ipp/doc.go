// Package ipp prints documents on printers that speak the Internet Printing Protocol 1.1 (RFC 8010, RFC 8011): printers of
// their own, and the queues of a print server such as CUPS.
//
// Print sends the document by Print-Job and then waits for the job's end, because an accepted job is not yet on paper: it
// returns nil when the printer says that the job is completed.
//
// Delivery is at-least-once, as far as IPP can tell. A job is named by the caller, the same each time; a document that may
// have been sent before is looked for by that name, and a job that is found is waited for in place of being sent again. A
// job that is given up is cancelled first. What remains: a page may come twice where the printer keeps no history of jobs,
// where it was cancelled half printed, or where the operator cancelled an earlier job in the printer meanwhile.
//
// An error that trying again cannot mend is wrapped by consumers.Permanent: the printer cannot print this document, or
// somebody cancelled the job. What an operator mends (paper, a jam, a stopped queue, a name that is wrong, a password) is
// not, and the error says what it is in words.
package ipp
