package paper

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"time"

	"codeberg.org/go-pdf/fpdf"
)

// Box is a rectangle on a page, in millimetres from its top left corner.
type Box struct{ X, Y, Width, Height float64 }

// Align says which point of a line of text its x is.
type Align int

// The alignments.
const (
	Left Align = iota
	Center
	Right
)

// Style is how text looks.
type Style struct {
	// Size is in points.
	Size float64
	// Bold thickens the strokes; the font has one weight only.
	Bold bool
	// Gray is from 0, black, to 255, white.
	Gray  int
	Align Align
}

// Document is a PDF in the making. What is drawn goes on the page that was added last, or turned to. It is used by one
// goroutine.
type Document struct {
	font          *Font
	width, height float64
	title         string
	created       time.Time
	pages         [][]drawing
	current       int
	used          map[rune]bool
}

// drawing is one thing on a page. It is drawn when everything is known: the font holds only what all pages need.
type drawing func(pdf *fpdf.Fpdf)

// NewDocument begins a document without pages, whose pages are width x height millimetres. The same drawings with the
// same title and creation time give the same bytes.
func NewDocument(font *Font, width, height float64, title string, created time.Time) *Document {
	return &Document{font: font, width: width, height: height, title: title, created: created, used: map[rune]bool{}}
}

// AddPage adds an empty page and turns to it.
func (d *Document) AddPage() {
	d.pages = append(d.pages, nil)
	d.current = len(d.pages) - 1
}

// Pages is how many pages there are.
func (d *Document) Pages() int { return len(d.pages) }

// TurnTo makes what is drawn go on an earlier page, counted from 1: a page's number is drawn when their count is known.
func (d *Document) TurnTo(page int) { d.current = page - 1 }

func (d *Document) draw(draw drawing) {
	d.pages[d.current] = append(d.pages[d.current], draw)
}

// Line draws one line of text whose baseline is y.
func (d *Document) Line(x, y float64, style Style, text string) {
	text = d.font.Printable(text)
	for _, char := range text {
		d.used[char] = true
	}
	x -= d.font.Width(text, style.Size) * float64(style.Align) / 2
	d.draw(func(pdf *fpdf.Fpdf) {
		pdf.SetFontSize(style.Size)
		pdf.SetTextColor(style.Gray, style.Gray, style.Gray)
		if style.Bold {
			pdf.SetDrawColor(style.Gray, style.Gray, style.Gray)
			pdf.SetLineWidth(style.Size * boldStroke * pointsToMillimetres)
			pdf.SetTextRenderingMode(2)
			defer pdf.SetTextRenderingMode(0)
		}
		pdf.Text(x, y, text)
	})
}

// Paragraph draws text in box, made to fit as Font.Fit does it, and returns where it ends, in millimetres from the top.
func (d *Document) Paragraph(box Box, style Style, least float64, text string) float64 {
	return d.Block(box.X, box.Y, style, d.font.Fit(text, box.Width, box.Height, style.Size, least))
}

// Block draws a block whose top is y, in the block's size, and returns where it ends, in millimetres from the top.
func (d *Document) Block(x, y float64, style Style, block Block) float64 {
	style.Size = block.Size
	for i, line := range block.Lines {
		d.Line(x, y+block.Baseline(i), style, line)
	}
	return y + block.Height()
}

// Rule draws a horizontal line of the given thickness, in millimetres; gray is as in Style.
func (d *Document) Rule(x, y, width, thickness float64, gray int) {
	d.Fill(Box{x, y - thickness/2, width, thickness}, gray)
}

// Fill fills box; gray is as in Style.
func (d *Document) Fill(box Box, gray int) {
	d.draw(func(pdf *fpdf.Fpdf) {
		pdf.SetFillColor(gray, gray, gray)
		pdf.Rect(box.X, box.Y, box.Width, box.Height, "F")
	})
}

// Frame draws the outline of box; gray is as in Style.
func (d *Document) Frame(box Box, thickness float64, gray int) {
	d.draw(func(pdf *fpdf.Fpdf) {
		pdf.SetDrawColor(gray, gray, gray)
		pdf.SetLineWidth(thickness)
		pdf.Rect(box.X, box.Y, box.Width, box.Height, "D")
	})
}

// Bytes is the finished PDF.
func (d *Document) Bytes() ([]byte, error) {
	pdf := fpdf.NewCustom(&fpdf.InitType{UnitStr: "mm", Size: fpdf.SizeType{Wd: d.width, Ht: d.height}})
	pdf.SetCreationDate(d.created.UTC())
	pdf.SetModificationDate(d.created.UTC())
	pdf.SetCatalogSort(true)
	pdf.SetTitle(d.font.Printable(d.title), true)
	pdf.SetAutoPageBreak(false, 0)
	pdf.AddUTF8FontFromBytes("paper", "", d.font.cut(slices.Sorted(maps.Keys(d.used))))
	pdf.SetFont("paper", "", 10)
	for _, page := range d.pages {
		pdf.AddPage()
		for _, draw := range page {
			draw(pdf)
		}
	}
	content := bytes.Buffer{}
	if err := pdf.Output(&content); err != nil {
		return nil, fmt.Errorf("make the PDF: %w", err)
	}
	return content.Bytes(), nil
}
