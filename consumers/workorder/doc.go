// Package workorder prints a work order for each order: an A4 page for whoever picks and packs it, with the order number
// in large and as a QR code, the customer, and a line for each item with a box to tick.
//
// The files are called workorder-<order number>-<hash>.pdf, as paper.FileName says: an event that is delivered again
// finds its file and leaves it alone, and another event of the same order, such as a correction, gets a file of its own.
// The data is an order as package order describes it; data that is none is a permanent error, and what the file system
// reports is not. A printer in place of the directory gets the work orders as jobs of the same names; packages paper and
// paper/ipp say what is an error then, and when one comes out twice.
package workorder
