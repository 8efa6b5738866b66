// Package zpl draws labels in ZPL II, the language of label printers by Zebra and of many others, for 203 dpi and media of
// 4 x 6 inch.
//
// It draws what a paper.Document draws, so that one layout makes a PDF or a label. Text of Latin letters is printed in the
// printer's own scalable font, and barcodes by the printer itself, sharp on its dots. A line with any other character,
// such as a Chinese one, for which printers seldom have a font, is sent as a picture of dots. Gray is black.
//
// What comes from an event is escaped: no text can be a command to the printer.
package zpl
