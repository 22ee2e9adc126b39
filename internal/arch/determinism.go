package arch

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
)

// What would let real time, real concurrency or chance into a simulated run.
var (
	clocks = map[string]bool{
		"Now": true, "Since": true, "Until": true, "Sleep": true, "After": true, "AfterFunc": true,
		"Tick": true, "NewTimer": true, "NewTicker": true,
	}
	streams = map[string]bool{"New": true, "NewPCG": true, "NewChaCha8": true, "NewZipf": true, "NewSource": true}
)

// Determinism lists what in the files of a package may make two runs of a seed differ.
func Determinism(fset *token.FileSet, files []*ast.File, info *types.Info) []string {
	var found []string
	for _, f := range files {
		ast.Inspect(f, func(n ast.Node) bool {
			if n == nil {
				return false
			}
			if what := offence(n, info); what != "" {
				found = append(found, fmt.Sprintf("%s: %s", fset.Position(n.Pos()), what))
			}
			return true
		})
	}
	return found
}

func offence(n ast.Node, info *types.Info) string {
	switch n := n.(type) {
	case *ast.GoStmt:
		return "a go statement"
	case *ast.SelectStmt:
		return "a select statement"
	case *ast.SendStmt:
		return "a send on a channel"
	case *ast.ChanType:
		return "a channel type"
	case *ast.UnaryExpr:
		if n.Op == token.ARROW {
			return "a receive from a channel"
		}
	case *ast.RangeStmt:
		t := info.TypeOf(n.X)
		if t == nil {
			return ""
		}
		switch t.Underlying().(type) {
		case *types.Map:
			return "a range over a map, whose order is not fixed"
		case *types.Chan:
			return "a range over a channel"
		}
	case *ast.SelectorExpr:
		obj := info.Uses[n.Sel]
		fn, ok := obj.(*types.Func)
		if !ok || fn.Pkg() == nil || fn.Signature().Recv() != nil {
			return ""
		}
		switch path, name := fn.Pkg().Path(), fn.Name(); {
		case path == "time" && clocks[name]:
			return "time." + name + ", which is real time"
		case (path == "math/rand" || path == "math/rand/v2") && !streams[name]:
			return path + "." + name + ", which draws from the global source"
		case path == "crypto/rand":
			return "crypto/rand." + name + ", which no seed fixes"
		case path == "maps" && (name == "Keys" || name == "Values" || name == "All"):
			return "maps." + name + ", whose order is not fixed"
		}
	}
	return ""
}
