// The CNI plugin of flannel for both families: turns what flanneld wrote into subnet.env into a configuration of the bridge
// plugin, and keeps it until DEL. The last plugin of flannel's own that is a Go module knows IPv4 only.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/containernetworking/cni/pkg/invoke"
	"github.com/containernetworking/cni/pkg/skel"
	"github.com/containernetworking/cni/pkg/types"
	"github.com/containernetworking/cni/pkg/version"
)

const (
	subnetFile = "/run/flannel/subnet.env"
	// Where flannel's own plugin keeps them.
	keptFolder = "/var/lib/cni/flannel"
)

type netConf struct {
	CNIVersion string         `json:"cniVersion"`
	Name       string         `json:"name"`
	Delegate   map[string]any `json:"delegate"`
}

func main() {
	funcs := skel.CNIFuncs{Add: add, Del: del, Check: func(*skel.CmdArgs) error { return nil }}
	skel.PluginMainFuncs(funcs, version.All, "flannel for both families")
}

func add(args *skel.CmdArgs) error {
	conf := netConf{}
	if err := json.Unmarshal(args.StdinData, &conf); err != nil {
		return fmt.Errorf("the configuration is not JSON: %w", err)
	}
	delegate, err := delegateOf(conf)
	if err != nil {
		return err
	}
	text, err := json.Marshal(delegate)
	if err != nil {
		return err
	}
	if err := keep(args.ContainerID, text); err != nil {
		return err
	}
	result, err := invoke.DelegateAdd(context.Background(), delegate["type"].(string), text, nil)
	if err != nil {
		return err
	}
	return types.PrintResult(result, conf.CNIVersion)
}

// A sandbox nothing is kept of was never set up, or is gone already.
func del(args *skel.CmdArgs) error {
	path := filepath.Join(keptFolder, args.ContainerID)
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	kept := map[string]any{}
	if err := json.Unmarshal(text, &kept); err != nil {
		return fmt.Errorf("%s is not JSON: %w", path, err)
	}
	if err := invoke.DelegateDel(context.Background(), fmt.Sprint(kept["type"]), text, nil); err != nil {
		return err
	}
	return os.Remove(path)
}

func delegateOf(conf netConf) (map[string]any, error) {
	env, err := readEnv(subnetFile)
	if err != nil {
		return nil, err
	}
	ranges, routes := [][]map[string]string{}, []map[string]string{}
	for _, family := range []string{"FLANNEL_", "FLANNEL_IPV6_"} {
		if env[family+"SUBNET"] == "" {
			continue
		}
		_, subnet, err := net.ParseCIDR(env[family+"SUBNET"])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", subnetFile, err)
		}
		ranges = append(ranges, []map[string]string{{"subnet": subnet.String()}})
		routes = append(routes, map[string]string{"dst": env[family+"NETWORK"]})
	}
	delegate := map[string]any{
		"type":       "bridge",
		"isGateway":  true,
		"ipMasq":     env["FLANNEL_IPMASQ"] == "false",
		"mtu":        json.Number(env["FLANNEL_MTU"]),
		"ipam":       map[string]any{"type": "host-local", "ranges": ranges, "routes": routes},
		"name":       conf.Name,
		"cniVersion": conf.CNIVersion,
	}
	for key, value := range conf.Delegate {
		delegate[key] = value
	}
	return delegate, nil
}

func readEnv(path string) (map[string]string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	env := map[string]string{}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		if name, value, found := strings.Cut(strings.TrimSpace(lines.Text()), "="); found {
			env[name] = value
		}
	}
	return env, lines.Err()
}

func keep(container string, text []byte) error {
	if err := os.MkdirAll(keptFolder, 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(keptFolder, container), text, 0o600)
}
