# Of each object only the fields the networks read. Use: kubectl get ... -o json | jq -f reduce.jq
def container: {name, image, command, args,
  env: (.env // [] | map(select(.name | test("^(FELIX_|IP|CALICO_|CNI_|DATASTORE|FLANNELD_)")))),
  volumeMounts: (.volumeMounts // [] | map({name, mountPath}) | map(select(.mountPath | test("cni|flannel"))))} | del(.. | nulls);
def volume: select((.hostPath.path // "" | test("cni|flannel")) or .configMap != null) | {name, hostPath, configMap} | del(.. | nulls);
def reduced:
  if .kind == "Node" then {apiVersion, kind,
    metadata: {name: .metadata.name, uid: .metadata.uid,
      labels: (.metadata.labels | with_entries(select(.key | test("kubernetes.io/os$|node-role|cni-migrate|projectcalico")))),
      annotations: (.metadata.annotations | with_entries(select(.key | test("flannel|projectcalico"))))},
    spec: {podCIDR: .spec.podCIDR, podCIDRs: .spec.podCIDRs},
    status: {addresses: .status.addresses, conditions: (.status.conditions | map({type, status}))}}
  elif .kind == "DaemonSet" then {apiVersion, kind,
    metadata: {name: .metadata.name, namespace: .metadata.namespace, labels: .metadata.labels},
    spec: {selector: .spec.selector, updateStrategy: .spec.updateStrategy,
      template: {metadata: {labels: .spec.template.metadata.labels},
        spec: {hostNetwork: .spec.template.spec.hostNetwork, nodeSelector: (.spec.template.spec.nodeSelector // {}),
          initContainers: (.spec.template.spec.initContainers // [] | map(container)),
          containers: (.spec.template.spec.containers | map(container)),
          volumes: (.spec.template.spec.volumes // [] | map(volume))}}},
    status: {desiredNumberScheduled: .status.desiredNumberScheduled}}
  elif .kind == "ConfigMap" then {apiVersion, kind, metadata: {name: .metadata.name, namespace: .metadata.namespace},
    data: (.data | with_entries(select(.key | test("net-conf|cni-conf|calico_backend|veth_mtu|cni_network_config|^masquerade$|canal_iface"))))}
  else {apiVersion, kind, metadata: {name: .metadata.name}, spec} end;
[.items[] | reduced]
