package paper_test

import (
	"bytes"
	"fmt"
	"os"
	"time"

	"github.com/millrace/millrace/consumers/paper"
)

func Example() {
	font, err := paper.NewFont()
	if err != nil {
		fmt.Println(err)
		return
	}
	document := paper.NewDocument(font, 100, 150, "Label 12345", time.Unix(1763700000, 0))
	document.AddPage()
	document.Paragraph(paper.Box{X: 5, Y: 5, Width: 90, Height: 20}, paper.Style{Size: 14}, 6, "Ship to 收件人：王小明")
	document.Code128(paper.Box{X: 5, Y: 40, Width: 90, Height: 20}, "12345")
	pdf, err := document.Bytes()
	fmt.Println(string(bytes.SplitN(pdf, []byte("\n"), 2)[0]), err)
	// Output: %PDF-1.3 <nil>
}

func ExampleFileName() {
	fmt.Println(paper.FileName("label", "../../etc/passwd", paper.PDF, "print_label", "NEW_ORDER_RECEIVED", "1763700000000-0"))
	// Output: label-..%2F..%2Fetc%2Fpasswd-171c8f56.pdf
}

func ExampleDirectory() {
	temporary, err := os.MkdirTemp("", "printed")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(temporary)
	directory, err := paper.NewDirectory(temporary + "/labels")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(directory.Write("label.pdf", []byte("%PDF-1.3")))
	fmt.Println(directory.Write("../label.pdf", []byte("%PDF-1.3")))
	// Output:
	// <nil>
	// write "../label.pdf": expected a file name without a directory or a leading dot
}
