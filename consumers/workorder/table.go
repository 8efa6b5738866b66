package workorder

import (
	"strconv"

	"github.com/millrace/millrace/consumers/order"
	"github.com/millrace/millrace/consumers/paper"
)

// column is a column of the table of items.
type column struct {
	title string
	x     float64
	width float64
	align paper.Align
}

// The columns, from left to right; what is left of the width is the title's.
var columns = struct{ position, product, title, quantity, done column }{
	position: column{"No. 序", margin + 2, 11, paper.Left},
	product:  column{"Product 商品编号", margin + 14, 36, paper.Left},
	title:    column{"Title 名称", margin + 52, inner - 52 - 44, paper.Left},
	quantity: column{"Quantity 数量", margin + inner - 43, 22, paper.Right},
	done:     column{"Done 完成", margin + inner - 18, 16, paper.Center},
}

const (
	// padding is the white above and below the text of a row.
	padding = 2.2
	// tick is the side of the box to tick.
	tick = 5.0
)

// table draws the items, on as many pages as they need. A row is never divided.
func (p *page) table() {
	p.tableHead()
	for i, item := range p.order.Items {
		row := p.row(item)
		if p.y+row.height > bottom {
			p.continuation()
			p.tableHead()
		}
		p.draw(i+1, item, row)
	}
}

func (p *page) tableHead() {
	const height = 8.0
	p.Fill(paper.Box{X: margin, Y: p.y, Width: inner, Height: height}, 235)
	style := paper.Style{Size: 8.5, Bold: true, Gray: 40}
	for _, column := range []column{columns.position, columns.product, columns.title, columns.quantity, columns.done} {
		style.Align = column.align
		p.Line(column.at(), p.y+height/2+1.1, style, column.title)
	}
	p.y += height
}

// at is the point of the column that its alignment is about.
func (c column) at() float64 { return c.x + c.width*float64(c.align)/2 }

// row is an item whose texts were made to fit.
type row struct {
	product, sku, title, note paper.Block
	height                    float64
}

func (p *page) row(item order.Item) row {
	fit := func(text string, column column, style paper.Style, height float64) paper.Block {
		width := column.width - 3
		return p.font.Fit(text, width, height, style.Size, style.Size-3)
	}
	title := item.Title
	if title == "" {
		title = "–"
	}
	row := row{
		product: fit(item.ProductID, columns.product, body, 15),
		sku:     fit(item.SKU, columns.product, small, 8),
		title:   fit(title, columns.title, body, 20),
		note:    fit(item.Note, columns.title, small, 20),
	}
	text := max(row.product.Height()+row.sku.Height(), row.title.Height()+row.note.Height(), tick)
	row.height = text + 2*padding
	return row
}

func (p *page) draw(position int, item order.Item, row row) {
	top := p.y + padding
	cell := func(column column, style paper.Style, text string) {
		style.Align = column.align
		p.Block(column.at(), top, style, p.font.Fit(text, column.width, 6, style.Size, 6))
	}
	cell(columns.position, paper.Style{Size: body.Size, Gray: 110}, strconv.Itoa(position))
	p.Block(columns.product.x, p.Block(columns.product.x, top, body, row.product), small, row.sku)
	p.Block(columns.title.x, p.Block(columns.title.x, top, body, row.title), small, row.note)
	cell(columns.quantity, strong, strconv.FormatInt(item.Quantity, 10))
	box := paper.Box{X: columns.done.at() - tick/2, Y: p.y + padding, Width: tick, Height: tick}
	p.Frame(box, 0.35, 60)
	p.y += row.height
	p.Rule(margin, p.y, inner, 0.15, 200)
}
