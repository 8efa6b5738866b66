// Package paper is what the kinds that print share: a font, pages, barcodes, and files that are there whole or not at
// all.
//
// A Printer is the handler: it decodes an order, has a Document composed for it, and writes that to a Directory. The same
// event gives the same file name and the same bytes each time, so a redelivery changes nothing.
//
// The font is built in: WenQuanYi Micro Hei, which has Chinese, Japanese, Korean, Latin, Greek and Cyrillic glyphs. A
// character that it lacks, such as an emoji, is printed as □. Text never leaves the box that it is drawn in: it is
// wrapped, then made smaller, and at the end cut, which an ellipsis shows.
//
// Barcodes are drawn as rectangles of whole dots of a 203 dpi label printer, so they stay sharp on paper.
package paper
