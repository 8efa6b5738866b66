// Package label prints a shipping label for each order: 100 x 150 mm, for a label printer, with the sender, the
// recipient's address in large, the postal code, and the order number as a barcode. It is a PDF, or ZPL for label printers
// of 203 dpi with media of 4 x 6 inch, which draw barcodes and Latin text themselves; both have the same layout.
//
// The barcode is a Code 128. It holds printable ASCII only, and a long number would need bars too narrow to read on a
// label of this width; such an order number is printed as a QR code.
//
// The files are called label-<order number>-<hash>.pdf or .zpl, as paper.FileName says: an event that is delivered again finds
// its file and leaves it alone, and another event of the same order, such as a correction, gets a file of its own. The
// data is an order as package order describes it; data that is none is a permanent error, and what the file system
// reports is not. A printer in place of the directory gets the labels as jobs of the same names; packages paper and
// paper/ipp say what is an error then, and when a label comes out twice.
package label
