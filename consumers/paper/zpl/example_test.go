package zpl_test

import (
	"fmt"

	"github.com/millrace/millrace/consumers/paper"
	"github.com/millrace/millrace/consumers/paper/zpl"
)

func Example() {
	font, err := paper.NewFont()
	if err != nil {
		fmt.Println(err)
		return
	}
	label := zpl.NewLabel(font, 100, 150)
	label.Paragraph(paper.Box{X: 5, Y: 5, Width: 90, Height: 20}, paper.Style{Size: 14}, 6, "Ship to ^XZ")
	label.Code128(paper.Box{X: 5, Y: 40, Width: 90, Height: 20}, "12345")
	commands, err := label.Bytes()
	fmt.Print(string(commands))
	fmt.Println(err)
	// Output:
	// ^XA
	// ^CI28
	// ^PW812
	// ^LL1218
	// ^LH0,0
	// ^FT46,90^A0N,40,40^FH^FDShip to _5EXZ^FS
	// ^FO129,329^BY7^BCN,160,N,N,N,A^FH^FD12345^FS
	// ^XZ
	// <nil>
}
