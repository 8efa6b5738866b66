package webhook

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/template/parse"

	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/stream"
)

// checkNames says which name of a template is none that View knows, or nil. What an event's data and headers hold is not known
// before there is one, and neither is what the dot stands for inside of `range`, `with` and templates of their own.
func checkNames(tree *parse.Tree) error {
	if tree == nil || tree.Root == nil {
		return nil
	}
	known := slices.Sorted(maps.Keys(View(&consumers.Delivery{})))
	for _, name := range namesIn(tree.Root, true) {
		if slices.Contains(known, name) {
			continue
		}
		if nearest := stream.Nearest(name, known); nearest != "" {
			return fmt.Errorf("there is no .%.80s: did you mean .%s?", name, nearest)
		}
		return fmt.Errorf("there is no .%.80s: expected one of .%s", name, strings.Join(known, ", ."))
	}
	return nil
}

// namesIn lists the names that are asked of the whole view: those behind the dot where atTop says that it stands for that, and
// those behind $.
func namesIn(node parse.Node, atTop bool) []string {
	switch node := node.(type) {
	case *parse.FieldNode:
		if atTop {
			return node.Ident[:1]
		}
	case *parse.VariableNode:
		if node.Ident[0] == "$" && len(node.Ident) > 1 {
			return node.Ident[1:2]
		}
	case *parse.ChainNode:
		return namesIn(node.Node, atTop)
	case *parse.ActionNode:
		return namesIn(node.Pipe, atTop)
	case *parse.TemplateNode:
		return namesInPipe(node.Pipe, atTop)
	case *parse.IfNode:
		return namesInBranch(&node.BranchNode, atTop, atTop)
	case *parse.RangeNode:
		return namesInBranch(&node.BranchNode, atTop, false)
	case *parse.WithNode:
		return namesInBranch(&node.BranchNode, atTop, false)
	case *parse.ListNode:
		return namesInAll(node.Nodes, atTop)
	case *parse.PipeNode:
		return namesInPipe(node, atTop)
	}
	return nil
}

// namesInBranch looks through what is decided upon, and both of what follows; inside tells whether the dot stays what it is in
// the first.
func namesInBranch(branch *parse.BranchNode, atTop, inside bool) []string {
	names := append(namesInPipe(branch.Pipe, atTop), namesIn(branch.List, inside)...)
	if branch.ElseList != nil {
		names = append(names, namesIn(branch.ElseList, atTop)...)
	}
	return names
}

func namesInPipe(pipe *parse.PipeNode, atTop bool) []string {
	var names []string
	if pipe != nil {
		for _, command := range pipe.Cmds {
			names = append(names, namesInAll(command.Args, atTop)...)
		}
	}
	return names
}

func namesInAll(nodes []parse.Node, atTop bool) []string {
	var names []string
	for _, node := range nodes {
		names = append(names, namesIn(node, atTop)...)
	}
	return names
}
