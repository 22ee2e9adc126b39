// Command faultline is the harness with all of our targets.
package main

import (
	"github.com/faultline-dev/faultline"
	"github.com/faultline-dev/faultline/targets/all"
)

func main() { faultline.Main(all.Targets) }
