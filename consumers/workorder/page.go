package workorder

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/millrace/millrace/consumers/order"
	"github.com/millrace/millrace/consumers/paper"
	"github.com/millrace/millrace/stream"
)

// The page is A4. All lengths are in millimetres.
const (
	pageWidth  = 210.0
	pageHeight = 297.0
	margin     = 18.0
	inner      = pageWidth - 2*margin
	// bottom is where the content of a page ends; the foot stands below it.
	bottom = pageHeight - 24
	qrSide = 29.0
)

// The styles that the page is made of.
var (
	heading = paper.Style{Size: 11, Gray: 90}
	number  = paper.Style{Size: 32, Bold: true}
	caption = paper.Style{Size: 8, Gray: 110}
	body    = paper.Style{Size: 10.5}
	strong  = paper.Style{Size: 10.5, Bold: true}
	small   = paper.Style{Size: 8.5, Gray: 90}
	foot    = paper.Style{Size: 7.5, Gray: 120}
)

// page is a work order in the making. y is where the next thing goes.
type page struct {
	*paper.Document
	font  *paper.Font
	order order.Order
	event stream.Event
	y     float64
}

func compose(font *paper.Font, order order.Order, event stream.Event) ([]byte, error) {
	document := paper.NewDocument(font, pageWidth, pageHeight, "Work order "+order.Number, event.Time)
	p := &page{Document: document, font: font, order: order, event: event}
	p.AddPage()
	if err := p.head(); err != nil {
		return nil, err
	}
	p.facts()
	p.table()
	p.notes()
	p.feet()
	return p.Bytes()
}

// head draws the order number and its QR code.
func (p *page) head() error {
	p.Paragraph(paper.Box{X: margin, Y: margin, Width: 100, Height: 6}, heading, 8, "Work order 工单")
	box := paper.Box{X: margin, Y: margin + 8, Width: inner - qrSide - 8, Height: 26}
	p.Paragraph(box, number, 11, p.order.Number)
	code := paper.Box{X: pageWidth - margin - qrSide, Y: margin + 1, Width: qrSide, Height: qrSide}
	p.y = margin + 36
	return p.QR(code, p.order.Number)
}

// facts draws three columns: the order, the customer, and where it goes.
func (p *page) facts() {
	const gap, height = 6.0, 52.0
	widths := []float64{46, 50, inner - 46 - 50 - 2*gap}
	p.Rule(margin, p.y, inner, 0.4, 0)
	p.y += 3
	x, end := margin, p.y
	for i, column := range [][]string{p.orderFacts(), p.customerFacts(), p.shipFacts()} {
		top := p.Paragraph(paper.Box{X: x, Y: p.y, Width: widths[i], Height: 4}, caption, 6, column[0])
		text := strings.Join(column[1:], "\n")
		end = max(end, p.Paragraph(paper.Box{X: x, Y: top + 1, Width: widths[i], Height: height}, body, 7.5, text))
		x += widths[i] + gap
	}
	p.y = end + 6
}

func (p *page) orderFacts() []string {
	facts := []string{"Date 日期", dateText(cmp.Or(p.order.CreatedAt, p.event.Time))}
	facts = append(facts, fmt.Sprintf("Lines 行数  %d", len(p.order.Items)))
	facts = append(facts, fmt.Sprintf("Pieces 件数  %d", p.order.Pieces()))
	if p.order.Total != "" {
		facts = append(facts, "Total 合计  "+strings.TrimSpace(p.order.Total+" "+p.order.Currency))
	}
	return facts
}

func (p *page) customerFacts() []string {
	customer := p.order.Customer
	facts := appendGiven([]string{"Customer 客户"}, customer.Name, customer.Company, customer.Phone, customer.Email)
	if p.order.CustomerID != "" {
		facts = append(facts, "No. 编号  "+p.order.CustomerID)
	}
	return orDash(facts)
}

func (p *page) shipFacts() []string {
	recipient := p.order.Recipient()
	if p.order.ShipTo.IsZero() {
		return []string{"Ship to 收件人", "–"}
	}
	facts := appendGiven([]string{"Ship to 收件人"}, recipient.Name, recipient.Company)
	facts = append(facts, recipient.Lines()...)
	if !strings.Contains(strings.Join(facts, "\n"), recipient.PostalCode) {
		facts = append(facts, recipient.PostalCode)
	}
	return orDash(appendGiven(facts, recipient.Phone))
}

// notes draws the notes below the table, or on a page of their own where they would become too small there.
func (p *page) notes() {
	if p.order.Notes == "" {
		return
	}
	const gap, inset, least = 12.0, 3.0, 5.0
	fit := func() paper.Block {
		return p.font.Fit(p.order.Notes, inner-2*inset, bottom-p.y-gap-2*inset, body.Size, least)
	}
	block := fit()
	if block.Size < body.Size || p.y+gap+2*inset+block.Height() > bottom {
		p.continuation()
		block = fit()
	}
	p.Paragraph(paper.Box{X: margin, Y: p.y + gap - 4.5, Width: inner, Height: 5}, caption, 6, "Notes 备注")
	p.y += gap
	p.Frame(paper.Box{X: margin, Y: p.y, Width: inner, Height: block.Height() + 2*inset}, 0.25, 150)
	p.y = p.Block(margin+inset, p.y+inset, body, block) + inset
}

// continuation begins another page.
func (p *page) continuation() {
	p.AddPage()
	title := "Work order 工单  " + p.order.Number + "  (continued 续)"
	p.y = p.Paragraph(paper.Box{X: margin, Y: margin, Width: inner, Height: 6}, heading, 7, title) + 3
}

// feet draws the foot of every page: the event at the left and the page's number at the right.
func (p *page) feet() {
	const y = pageHeight - 14.0
	for number := 1; number <= p.Pages(); number++ {
		p.TurnTo(number)
		p.Rule(margin, y-4, inner, 0.2, 180)
		box := paper.Box{X: margin, Y: y - 2.5, Width: inner - 40, Height: 4}
		p.Paragraph(box, foot, 6, "Event 事件  "+p.event.Name+"  "+p.event.ID)
		right := foot
		right.Align = paper.Right
		count := p.Pages()
		p.Line(pageWidth-margin, y, right, fmt.Sprintf("Page %d of %d  第 %d 页，共 %d 页", number, count, number, count))
	}
}

// dateText is a time as people write it, with its zone: 2025-11-21 16:30 +08:00.
func dateText(moment time.Time) string {
	return strings.Replace(moment.Format("2006-01-02 15:04 Z07:00"), " Z", " UTC", 1)
}

func appendGiven(facts []string, texts ...string) []string {
	for _, text := range texts {
		if text != "" {
			facts = append(facts, text)
		}
	}
	return facts
}

// orDash is a column that says so where nothing is known.
func orDash(facts []string) []string {
	if len(facts) == 1 {
		return append(facts, "–")
	}
	return facts
}
