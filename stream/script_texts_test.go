package stream

import (
	"slices"
	"strings"
	"testing"
)

// A script that is missing from the list would be refused by the embedded server, which runs no others.
func TestScriptTextsHoldEveryScript(t *testing.T) {
	t.Parallel()
	files, err := scriptFiles.ReadDir("scripts")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := scriptFiles.ReadFile("scripts/" + file.Name())
		if err != nil {
			t.Fatal(err)
		}
		holds := func(program string) bool { return strings.Contains(program, string(text)) }
		if !slices.ContainsFunc(ScriptTexts(), holds) {
			t.Errorf("%s is part of no text", file.Name())
		}
	}
}
