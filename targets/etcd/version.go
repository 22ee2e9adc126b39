package etcd

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// latest is the version tested when none is asked for.
const latest = "3.6.16"

// versions are those whose server is a Go module of its own: from 3.5.0 on.
var versions = regexp.MustCompile(`^3\.(\d{1,3})\.\d{1,3}(-[a-z0-9.]+)?$`)

// before35 are the versions of the 3.4 line that were found on the Go proxy, and that build.
// That line's module path does not fit its tags, so a version goes by the commit that bears
// its tag.
var before35 = map[string]string{
	"3.4.3":  "v0.0.0-20191023171146-3cf2f69b5738",
	"3.4.7":  "v0.5.0-alpha.5.0.20200401174654-e694b7bb0875",
	"3.4.9":  "v0.5.0-alpha.5.0.20200520232829-54ba9589114f",
	"3.4.12": "v0.5.0-alpha.5.0.20200819165624-17cef6e3e9d5",
	"3.4.13": "v0.5.0-alpha.5.0.20200824191128-ae9734ed278b",
	"3.4.14": "v0.5.0-alpha.5.0.20201125193152-8a03d2e9614b",
}

func checkVersion(v string) error {
	if before35[v] != "" {
		return nil
	}
	m := versions.FindStringSubmatch(v)
	if m == nil || len(m[1]) == 1 && m[1] < "5" {
		return fmt.Errorf("%q is not a version of etcd that can be built: from 3.5.0 on any is, such as %s, and of those before %s",
			v, latest, strings.Join(old(), ", "))
	}
	return nil
}

// old lists the versions before 3.5, oldest first.
func old() []string {
	return slices.SortedFunc(maps.Keys(before35), func(a, b string) int {
		return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
	})
}

// source is the Go module of a version, with which one it is, and its main package.
func source(version string) (module, main string) {
	if v := before35[version]; v != "" {
		return "go.etcd.io/etcd@" + v, "go.etcd.io/etcd"
	}
	return "go.etcd.io/etcd/server/v3@v" + version, "go.etcd.io/etcd/server/v3"
}
