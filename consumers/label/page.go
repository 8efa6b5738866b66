package label

import (
	"fmt"
	"strings"

	"github.com/millrace/millrace/consumers/order"
	"github.com/millrace/millrace/consumers/paper"
	"github.com/millrace/millrace/consumers/paper/zpl"
	"github.com/millrace/millrace/stream"
)

// The label is 100 x 150 mm, in four fields with a rule between them. All lengths are in millimetres.
const (
	pageWidth  = 100.0
	pageHeight = 150.0
	margin     = 5.0
	inner      = pageWidth - 2*margin

	recipientTop = 25.0
	postalTop    = 88.0
	barcodeTop   = 106.0
	footTop      = 143.0
)

// The styles that the label is made of.
var (
	caption = paper.Style{Size: 7, Gray: 70}
	sender  = paper.Style{Size: 8.5}
	name    = paper.Style{Size: 22, Bold: true}
	missing = paper.Style{Size: 12, Gray: 90}
	company = paper.Style{Size: 13}
	address = paper.Style{Size: 16}
	phone   = paper.Style{Size: 14, Bold: true}
	postal  = paper.Style{Size: 32, Bold: true}
	number  = paper.Style{Size: 14, Bold: true, Align: paper.Center}
	foot    = paper.Style{Size: 6.5, Gray: 70}
)

// canvas is what a label is drawn on: a page of a PDF, or a label in ZPL.
type canvas interface {
	Paragraph(box paper.Box, style paper.Style, least float64, text string) float64
	Block(x, y float64, style paper.Style, block paper.Block) float64
	Rule(x, y, width, thickness float64, gray int)
	Fill(box paper.Box, gray int)
	Code128(box paper.Box, content string) bool
	QR(box paper.Box, content string) error
	Bytes() ([]byte, error)
}

// page is a label in the making.
type page struct {
	canvas
	font *paper.Font
}

func newPage(font *paper.Font, format paper.Format, title string, event stream.Event) *page {
	if format == paper.ZPL {
		return &page{zpl.NewLabel(font, pageWidth, pageHeight), font}
	}
	document := paper.NewDocument(font, pageWidth, pageHeight, title, event.Time)
	document.AddPage()
	return &page{document, font}
}

func (p *page) compose(order order.Order, event stream.Event, defaultSender string) ([]byte, error) {
	p.sender(order.Sender, defaultSender)
	p.recipient(order)
	p.postalCode(order)
	if err := p.barcode(order.Number); err != nil {
		return nil, err
	}
	p.foot(event)
	return p.Bytes()
}

func (p *page) sender(from order.Address, standard string) {
	lines := given(append([]string{from.Name, from.Company}, append(from.Lines(), from.Phone)...)...)
	text := strings.Join(lines, "\n")
	if text == "" {
		text = standard
	}
	top := p.Paragraph(paper.Box{X: margin, Y: margin, Width: inner, Height: 3.5}, caption, 6, "From 寄件人")
	p.Paragraph(paper.Box{X: margin, Y: top + 0.5, Width: inner, Height: recipientTop - top - 2.5}, sender, 5.5, text)
}

// recipient draws name, company, address and phone. The address gets what the others leave, so it is as large as there
// is room for.
func (p *page) recipient(order order.Order) {
	to := order.Recipient()
	if to.Name == "" && to.Company == "" && order.CustomerID != "" {
		to.Name = "Customer 客户 " + order.CustomerID
	}
	p.Rule(margin, recipientTop, inner, 0.6, 0)
	box := func(y, height float64) paper.Box { return paper.Box{X: margin, Y: y, Width: inner, Height: height} }
	y := p.Paragraph(box(recipientTop+2, 3.5), caption, 6, "Ship to 收件人") + 0.5
	y = p.Paragraph(box(y, 12), name, 10, to.Name)
	y = p.Paragraph(box(y, 9), company, 8, to.Company) + 1
	end := postalTop - 2
	if to.Phone != "" {
		block := p.font.Fit("Tel 电话 "+to.Phone, inner, 7, phone.Size, 7)
		end -= block.Height()
		p.Block(margin, end, phone, block)
	}
	if place := to.Lines(); len(place) > 0 {
		p.Paragraph(box(y, end-y), address, 6, strings.Join(place, "\n"))
	} else {
		p.Paragraph(box(y, end-y), missing, 6, "The order names no address.\n订单未提供地址。")
	}
}

// postalCode draws the postal code at the left, and how much is in the parcel at the right.
func (p *page) postalCode(order order.Order) {
	const split, height = 62.0, barcodeTop - postalTop
	p.Rule(margin, postalTop, inner, 0.6, 0)
	p.Fill(paper.Box{X: split - 0.15, Y: postalTop, Width: 0.3, Height: height}, 0)
	left := paper.Box{X: margin, Y: postalTop + 1.5, Width: split - margin - 3, Height: 3.5}
	left.Y = p.Paragraph(left, caption, 6, "Postal code 邮编")
	left.Height = height - 5.5
	p.Paragraph(left, postal, 10, orDash(order.ShipTo.PostalCode))
	right := paper.Box{X: split + 3, Y: postalTop + 1.5, Width: pageWidth - margin - split - 3, Height: 3.5}
	right.Y = p.Paragraph(right, caption, 6, "Items 件数")
	right.Height = height - 5.5
	p.Paragraph(right, paper.Style{Size: 24, Bold: true}, 8, fmt.Sprint(order.Pieces()))
}

// barcode draws the order number as a Code 128 with the number below it, or else as a QR code with the number beside it.
func (p *page) barcode(text string) error {
	p.Rule(margin, barcodeTop, inner, 0.6, 0)
	p.Paragraph(paper.Box{X: margin, Y: barcodeTop + 1.5, Width: inner, Height: 3.5}, caption, 6, "Order 订单")
	// The quiet zones may reach into the margins.
	box := paper.Box{X: 1, Y: barcodeTop + 6, Width: pageWidth - 2, Height: 21}
	if p.Code128(box, text) {
		below := paper.Box{X: pageWidth / 2, Y: box.Y + box.Height + 0.5, Width: inner, Height: 7}
		p.Paragraph(below, number, 7, text)
		return nil
	}
	const side, top = 27.0, barcodeTop + 5
	beside := paper.Style{Size: number.Size, Bold: true}
	p.Paragraph(paper.Box{X: margin, Y: top + 1, Width: inner - side - 7, Height: side}, beside, 6, text)
	return p.QR(paper.Box{X: pageWidth - margin - side, Y: top, Width: side, Height: side}, text)
}

func (p *page) foot(event stream.Event) {
	p.Rule(margin, footTop, inner, 0.2, 120)
	text := fmt.Sprintf("%s UTC  %s  %s", event.Time.UTC().Format("2006-01-02 15:04"), event.Name, event.ID)
	p.Paragraph(paper.Box{X: margin, Y: footTop + 0.5, Width: inner, Height: 3}, foot, 5, text)
}

func orDash(text string) string {
	if text == "" {
		return "–"
	}
	return text
}

func given(texts ...string) []string {
	kept := []string{}
	for _, text := range texts {
		if text != "" {
			kept = append(kept, text)
		}
	}
	return kept
}
