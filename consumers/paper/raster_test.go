package paper_test

import (
	"testing"

	"github.com/millrace/millrace/consumers/paper"
)

func TestRaster(t *testing.T) {
	t.Parallel()
	font, err := paper.NewFont()
	if err != nil {
		t.Fatal(err)
	}
	// 72 points are an inch; in this font the square of a Chinese character is as wide as that.
	for text, want := range map[string]struct{ width, height [2]int }{
		"口": {[2]int{130, 200}, [2]int{130, 200}},
		"一": {[2]int{150, 203}, [2]int{8, 40}},
		"":  {},
		" ": {},
	} {
		bitmap, err := font.Raster(text, 72, false)
		if err != nil {
			t.Fatalf("Raster(%q): %v", text, err)
		}
		left, right := inked(bitmap)
		if width := right - left; width < want.width[0] || width > want.width[1] {
			t.Errorf("Raster(%q) is %d dots wide, want %v", text, width, want.width)
		}
		if bitmap.Height < want.height[0] || bitmap.Height > want.height[1] {
			t.Errorf("Raster(%q) is %d dots high, want %v", text, bitmap.Height, want.height)
		}
	}
	plain, _ := font.Raster("收", 20, false)
	bold, _ := font.Raster("收", 20, true)
	if black(plain) >= black(bold) {
		t.Errorf("bold has %d dots and plain %d, want more", black(bold), black(plain))
	}
	unknown, _ := font.Raster("🎁", 20, false)
	replaced, _ := font.Raster("□", 20, false)
	if string(unknown.Bits) != string(replaced.Bits) {
		t.Error("a character without a glyph is not drawn as □")
	}
}

// inked is where the first black column begins and the last ends.
func inked(bitmap *paper.Bitmap) (left, right int) {
	left = bitmap.Width
	for y := range bitmap.Height {
		for x := range bitmap.Width {
			if isBlack(bitmap, x, y) {
				left, right = min(left, x), max(right, x+1)
			}
		}
	}
	return min(left, right), right
}

func black(bitmap *paper.Bitmap) int {
	count := 0
	for y := range bitmap.Height {
		for x := range bitmap.Width {
			if isBlack(bitmap, x, y) {
				count++
			}
		}
	}
	return count
}

func isBlack(bitmap *paper.Bitmap, x, y int) bool {
	return bitmap.Bits[y*bitmap.Stride+x/8]&(0x80>>(x%8)) != 0
}
