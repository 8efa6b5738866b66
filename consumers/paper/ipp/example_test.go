package ipp_test

import (
	"context"
	"fmt"

	"github.com/millrace/millrace/consumers/paper/ipp"
)

func Example() {
	printer, err := ipp.New(ipp.Options{Address: "ipp://127.0.0.1:1/printers/label"})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = printer.Print(context.Background(), ipp.Job{
		Name: "label-12345-171c8f56.pdf", Formats: []string{"application/pdf"}, Content: []byte("%PDF-1.3 ..."),
	})
	fmt.Println(err)
	// Output: printer label: dial tcp 127.0.0.1:1: connect: connection refused
}
