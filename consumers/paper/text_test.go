package paper_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/millrace/millrace/consumers/paper"
)

func TestPrintable(t *testing.T) {
	t.Parallel()
	font := newFont(t)
	tests := []struct{ text, want string }{
		{"Order 12345", "Order 12345"},
		{"收件人：王小明，「引」", "收件人：王小明，「引」"},
		{"ÄÖÜß éèç Ελλ Жук かな 한글 ￥€£", "ÄÖÜß éèç Ελλ Жук かな 한글 ￥€£"},
		{"a\tb\u00a0c\u3000d", "a b c d"},
		{"one\r\ntwo", "one\ntwo"},
		{"gift 🎁!", "gift □!"},
		{"👨\u200d👩\u200d👧", "□□□"},
		{"❤\ufe0f", "□"},
		{"bell\a\x00\x1b[31m", "bell□□□[31m"},
		{"\u202eright to left\u202c", "right to left"},
		{"not \xff UTF-8", "not \ufffd UTF-8"},
		{"\U00020000 beyond the plane", "□ beyond the plane"},
		{"private \ue000 and \uffff use", "private □ and □ use"},
	}
	for _, test := range tests {
		if got := font.Printable(test.text); got != test.want {
			t.Errorf("Printable(%q) = %q, want %q", test.text, got, test.want)
		}
	}
}

func TestWidth(t *testing.T) {
	t.Parallel()
	font := newFont(t)
	const millimetre = 72 / 25.4
	tests := map[string]float64{"": 0, "中文": 2, "A": 1245.0 / 2048, "1234567890": 10 * 1128.0 / 2048}
	for text, want := range tests {
		if got := font.Width(text, 10*millimetre); !near(got, 10*want) {
			t.Errorf("Width(%q) of 10 mm type = %v mm, want %v mm", text, got, 10*want)
		}
	}
}

func TestFit(t *testing.T) {
	t.Parallel()
	font := newFont(t)
	// In type of 72/25.4 points an ideograph is 1 mm wide, and a line 1.32 mm high.
	const size = 72 / 25.4
	tests := map[string]struct {
		text          string
		width, height float64
		want          []string
	}{
		"nothing":                           {" \n ", 10, 10, nil},
		"one line":                          {"收件人", 3.1, 2, []string{"收件人"}},
		"ideographs break anywhere":         {"一二三四五", 2.1, 9, []string{"一二", "三四", "五"}},
		"no closing mark begins a line":     {"一二，三", 2.1, 9, []string{"一", "二，", "三"}},
		"no opening mark ends a line":       {"一（二）", 2.1, 9, []string{"一", "（二", "）"}},
		"Latin breaks at spaces":            {"mill race wheel", 5, 9, []string{"mill race", "wheel"}},
		"and after hyphens":                 {"mill-race", 3, 9, []string{"mill-", "race"}},
		"mixed":                             {"一二Mill三", 2.6, 9, []string{"一二", "Mill", "三"}},
		"line breaks are kept":              {"a\n\nb", 5, 9, []string{"a", "", "b"}},
		"spaces at a break are dropped":     {"mill    race", 3, 9, []string{"mill", "race"}},
		"a word too long is broken":         {"00000000", 2.3, 9, []string{"0000", "0000"}},
		"what does not fit ends in …":       {"一二三四五六七八", 3.1, 2.7, []string{"一二三", "四五…"}},
		"there is always room for one line": {"一二三四", 2.1, 0, []string{"一…"}},
		"even for a box of no width":        {"一二", 0, 0, []string{"…"}},
	}
	for name, test := range tests {
		got := font.Fit(test.text, test.width, test.height, size, size).Lines
		if len(got)+len(test.want) > 0 && !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: Fit(%q, %v x %v mm) = %q, want %q", name, test.text, test.width, test.height, got, test.want)
		}
	}
}

func TestFitShrinksBeforeItBreaksOrCuts(t *testing.T) {
	t.Parallel()
	font := newFont(t)
	word := "Wolfeschlegelsteinhausen"
	block := font.Fit(word, font.Width(word, 16), 100, 20, 5)
	if len(block.Lines) != 1 || block.Size != 16 {
		t.Errorf("Fit of one word = %+v, want it whole in 16 points", block)
	}
	text := strings.Repeat("字", 100)
	block = font.Fit(text, 50, 30, 20, 5)
	if strings.Join(block.Lines, "") != text || block.Size >= 20 || block.Height() > 30 {
		t.Errorf("Fit of 100 ideographs = %+v, %v mm high, want all of them, smaller, in 30 mm", block, block.Height())
	}
}

func FuzzFit(f *testing.F) {
	font := newFont(f)
	f.Add("收件人 Mill-race\n（a）…", 20.0, 12.0, 10.0)
	f.Add("\u3000\x00🎁\xff", 1.0, 1.0, 40.0)
	f.Fuzz(func(t *testing.T, text string, width, height, size float64) {
		if !(width >= 20 && width < 500 && height >= 20 && height < 500 && size >= 5 && size <= 40) || len(text) > 5000 {
			t.Skip()
		}
		block := font.Fit(text, width, height, size, 5)
		if block.Height() > height+1e-9 {
			t.Errorf("Fit(%q, %v x %v, %v) is %v mm high", text, width, height, size, block.Height())
		}
		for _, line := range block.Lines {
			if got := font.Width(line, block.Size); got > width+1e-9 || font.Printable(line) != line {
				t.Errorf("Fit(%q, %v x %v, %v): line %q is %v mm wide", text, width, height, size, line, got)
			}
		}
	})
}

func newFont(t testing.TB) *paper.Font {
	t.Helper()
	font, err := paper.NewFont()
	if err != nil {
		t.Fatalf("NewFont: %v", err)
	}
	return font
}

func near(a, b float64) bool { return a-b < 1e-6 && b-a < 1e-6 }
