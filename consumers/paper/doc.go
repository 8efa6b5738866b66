// Package paper is what the kinds that print share: a font, pages, barcodes, printers, and files that are there whole or
// not at all.
//
// A Printer is the handler: it decodes an order, has a Document composed for it, and hands that to an Output. The same
// event gives the same name and the same bytes each time, by which an Output may tell that it was printed before. A
// Directory leaves the file alone then, and an IPP printer is asked for a job of that name (package ipp); a printer that
// takes raw data cannot be asked, and prints again.
//
// The font is built in: WenQuanYi Micro Hei, which has Chinese, Japanese, Korean, Latin, Greek and Cyrillic glyphs. A
// character that it lacks, such as an emoji, is printed as □. Text never leaves the box that it is drawn in: it is
// wrapped, then made smaller, and at the end cut, which an ellipsis shows.
//
// Barcodes are drawn as rectangles of whole dots of a 203 dpi label printer, so they stay sharp on paper.
package paper
