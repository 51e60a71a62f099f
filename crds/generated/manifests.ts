// Made by `npm run generate` from the schemas in crds/. Do not edit.
import type { CrdObject } from "../metadata.ts";

/** The CustomResourceDefinitions, as `install` applies them. */
export const crdObjects: readonly CrdObject[] = [
  {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {
      "name": "cnimigrations.cni-migrate.io",
      "annotations": {
        "cni-migrate.io/schema-version": "1"
      }
    },
    "spec": {
      "group": "cni-migrate.io",
      "scope": "Cluster",
      "names": {
        "plural": "cnimigrations",
        "singular": "cnimigration",
        "kind": "CniMigration",
        "listKind": "CniMigrationList",
        "shortNames": [
          "cnim"
        ],
        "categories": [
          "cni-migrate"
        ]
      },
      "versions": [
        {
          "name": "v1alpha1",
          "served": true,
          "storage": true,
          "subresources": {
            "status": {}
          },
          "additionalPrinterColumns": [
            {
              "name": "Source",
              "type": "string",
              "jsonPath": ".spec.source",
              "description": "The network the cluster comes from."
            },
            {
              "name": "Target",
              "type": "string",
              "jsonPath": ".spec.target",
              "description": "The network the cluster goes to."
            },
            {
              "name": "Nodes",
              "type": "string",
              "jsonPath": ".status.progress",
              "description": "Nodes done of nodes to do."
            },
            {
              "name": "Status",
              "type": "string",
              "jsonPath": ".status.summary",
              "description": "Where the migration stands."
            },
            {
              "name": "Age",
              "type": "date",
              "jsonPath": ".metadata.creationTimestamp"
            },
            {
              "name": "Message",
              "type": "string",
              "priority": 1,
              "jsonPath": ".status.message",
              "description": "Why it stands there."
            }
          ],
          "schema": {
            "openAPIV3Schema": {
              "description": "One change of the network (CNI) of this cluster, node by node. At most one unfinished CniMigration is worked on at a time; a further one is Stalled with reason AnotherMigrationActive.",
              "type": "object",
              "required": [
                "spec"
              ],
              "x-kubernetes-validations": [
                {
                  "rule": "self.metadata.name.size() <= 63",
                  "message": "metadata.name is longer than 63 characters and would not fit into a label; choose a shorter one, such as flannel-to-calico"
                }
              ],
              "properties": {
                "apiVersion": {
                  "type": "string"
                },
                "kind": {
                  "type": "string"
                },
                "metadata": {
                  "type": "object"
                },
                "spec": {
                  "description": "What is wanted.",
                  "type": "object",
                  "required": [
                    "source",
                    "target"
                  ],
                  "x-kubernetes-validations": [
                    {
                      "rule": "self.source != self.target",
                      "fieldPath": ".target",
                      "message": "the target is the same network as spec.source; choose another target: calico, cilium or flannel",
                      "messageExpression": "'the target is the same network as spec.source, ' + self.source + '; choose another target: calico, cilium or flannel'"
                    },
                    {
                      "rule": "self.source == self.target || self.target in {'flannel': ['calico', 'cilium'], 'canal': ['calico', 'cilium'], 'calico': ['flannel', 'cilium']}[self.source]",
                      "fieldPath": ".target",
                      "messageExpression": "'there is no way from ' + self.source + ' to ' + self.target + '; choose a target spec.source can go to: flannel and canal to calico or cilium, calico to flannel or cilium'",
                      "message": "there is no way from spec.source to this target; choose a target spec.source can go to: flannel and canal to calico or cilium, calico to flannel or cilium"
                    },
                    {
                      "rule": "self.target != 'cilium' || has(self.cidr)",
                      "fieldPath": ".cidr",
                      "message": "Cilium gives pods addresses of a range of its own; set a free one, such as 10.245.0.0/16 (kubectl cni-migrate plan proposes one)"
                    },
                    {
                      "rule": "self.source == oldSelf.source",
                      "fieldPath": ".source",
                      "message": "the source cannot be changed after the migration was created; when it is finished or deleted, create a new CniMigration",
                      "messageExpression": "'the source cannot be changed from ' + oldSelf.source + ' to ' + self.source + ' after the migration was created; when it is finished or deleted, create a new CniMigration'"
                    },
                    {
                      "rule": "self.target == oldSelf.target",
                      "fieldPath": ".target",
                      "message": "the target cannot be changed after the migration was created; when it is finished or deleted, create a new CniMigration",
                      "messageExpression": "'the target cannot be changed from ' + oldSelf.target + ' to ' + self.target + ' after the migration was created; when it is finished or deleted, create a new CniMigration'"
                    },
                    {
                      "rule": "has(self.cidr) ? has(oldSelf.cidr) && self.cidr == oldSelf.cidr : !has(oldSelf.cidr)",
                      "fieldPath": ".cidr",
                      "message": "the CIDR cannot be set, changed or removed after the migration was created; put the old value back, or delete this CniMigration before a node has moved and create a new one"
                    },
                    {
                      "rule": "has(self.flannel) ? has(oldSelf.flannel) && self.flannel == oldSelf.flannel : !has(oldSelf.flannel)",
                      "fieldPath": ".flannel",
                      "message": "overrides cannot be set, changed or removed after the migration was created; put the old values back, or delete this CniMigration before a node has moved and create a new one"
                    },
                    {
                      "rule": "has(self.calico) ? has(oldSelf.calico) && self.calico == oldSelf.calico : !has(oldSelf.calico)",
                      "fieldPath": ".calico",
                      "message": "overrides cannot be set, changed or removed after the migration was created; put the old values back, or delete this CniMigration before a node has moved and create a new one"
                    },
                    {
                      "rule": "has(self.cilium) ? has(oldSelf.cilium) && self.cilium == oldSelf.cilium : !has(oldSelf.cilium)",
                      "fieldPath": ".cilium",
                      "message": "overrides cannot be set, changed or removed after the migration was created; put the old values back, or delete this CniMigration before a node has moved and create a new one"
                    },
                    {
                      "rule": "!has(self.flannel) || self.source in ['flannel', 'canal'] || self.target == 'flannel'",
                      "fieldPath": ".flannel",
                      "message": "flannel has no part in this migration, neither by itself nor inside Canal; remove spec.flannel or correct spec.source and spec.target"
                    },
                    {
                      "rule": "!has(self.calico) || self.source == 'calico' || self.target == 'calico'",
                      "fieldPath": ".calico",
                      "message": "Calico has no part in this migration (the one inside Canal takes its values from spec.flannel); remove spec.calico or correct spec.source and spec.target"
                    },
                    {
                      "rule": "!has(self.cilium) || self.target == 'cilium'",
                      "fieldPath": ".cilium",
                      "message": "Cilium has no part in this migration; remove spec.cilium or correct spec.target"
                    }
                  ],
                  "properties": {
                    "source": {
                      "description": "The network the cluster runs now. Cannot be changed later.",
                      "type": "string",
                      "enum": [
                        "flannel",
                        "canal",
                        "calico"
                      ]
                    },
                    "target": {
                      "description": "The network the cluster is to run. Cannot be changed later.",
                      "type": "string",
                      "enum": [
                        "calico",
                        "cilium",
                        "flannel"
                      ]
                    },
                    "batchSize": {
                      "description": "How many nodes are worked on at the same time: a whole number from 1 up, or a share of all nodes from \"1%\" to \"100%\", rounded up. May be changed at any time. Default 1.",
                      "x-kubernetes-int-or-string": true,
                      "maxLength": 16,
                      "default": 1,
                      "x-kubernetes-validations": [
                        {
                          "rule": "type(self) == int ? self >= 1 : self.matches('^([1-9][0-9]?|100)%$')",
                          "message": "is neither a whole number of nodes from 1 up (without quotes) nor a share from \"1%\" to \"100%\"; write 1, 3 or \"10%\"",
                          "messageExpression": "(type(self) == int ? string(self) : '\"' + string(self) + '\"') + ' is neither a whole number of nodes from 1 up (without quotes) nor a share from \"1%\" to \"100%\"; write 1, 3 or \"10%\"'"
                        }
                      ]
                    },
                    "cidr": {
                      "description": "The range(s) pods get their addresses from in the target network: IPv4, IPv6, or both with a comma and IPv4 first (\"10.244.0.0/16,fd00:10:244::/56\"). Default: the source's ranges where both networks share one overlay; required where they do not (to Cilium). Cannot be changed later.",
                      "type": "string",
                      "minLength": 1,
                      "maxLength": 100,
                      "x-kubernetes-validations": [
                        {
                          "rule": "self.split(',').all(c, isCIDR(c))",
                          "message": "is not a CIDR; write an address range such as 10.244.0.0/16, fd00:10:244::/56, or both with a comma and no space",
                          "messageExpression": "'\"' + self + '\" is not a CIDR; write an address range such as 10.244.0.0/16, fd00:10:244::/56, or both with a comma and no space'"
                        },
                        {
                          "rule": "!self.split(',').all(c, isCIDR(c)) || self.split(',').all(c, cidr(c) == cidr(c).masked())",
                          "message": "has bits set behind the prefix length; write the first address of the range, such as 10.244.0.0/16 and not 10.244.1.0/16",
                          "messageExpression": "'\"' + self + '\" has bits set behind the prefix length; write the first address of the range, such as 10.244.0.0/16 and not 10.244.1.0/16'"
                        },
                        {
                          "rule": "!self.split(',').all(c, isCIDR(c)) || self.split(',').all(c, cidr(c).prefixLength() >= 8 && cidr(c).ip().isGlobalUnicast())",
                          "message": "is not a range pods can use (loopback, link-local, multicast, unspecified, or wider than /8); choose a free one such as 10.244.0.0/16",
                          "messageExpression": "'\"' + self + '\" is not a range pods can use (loopback, link-local, multicast, unspecified, or wider than /8); choose a free one such as 10.244.0.0/16'"
                        },
                        {
                          "rule": "!self.split(',').all(c, isCIDR(c)) || self.split(',').filter(c, cidr(c).ip().family() == 4).size() <= 1 && self.split(',').filter(c, cidr(c).ip().family() == 6).size() <= 1",
                          "message": "names more than one range of the same family; give at most one IPv4 and one IPv6 range",
                          "messageExpression": "'\"' + self + '\" names more than one range of the same family; give at most one IPv4 and one IPv6 range'"
                        },
                        {
                          "rule": "!self.split(',').all(c, isCIDR(c)) || self.split(',').size() != 2 || cidr(self.split(',')[0]).ip().family() <= cidr(self.split(',')[1]).ip().family()",
                          "message": "names the IPv6 range first; write the IPv4 range first, such as 10.244.0.0/16,fd00:10:244::/56",
                          "messageExpression": "'\"' + self + '\" names the IPv6 range first; write the IPv4 range first, such as 10.244.0.0/16,fd00:10:244::/56'"
                        }
                      ]
                    },
                    "direction": {
                      "description": "Forward moves nodes to the target, Revert moves them back to the source. May be changed at any time; a node on its way turns round from where it stands. Default Forward.",
                      "type": "string",
                      "enum": [
                        "Forward",
                        "Revert"
                      ],
                      "default": "Forward"
                    },
                    "paused": {
                      "description": "While true no new node starts and no node begins another disruptive step; what has begun is brought to a safe end. May be changed at any time. Default false.",
                      "type": "boolean",
                      "default": false
                    },
                    "pauseAfter": {
                      "description": "The migration pauses by itself when so many nodes are done: a canary. Raise or remove it to go on. May be changed at any time. Default: never.",
                      "type": "integer",
                      "format": "int32",
                      "minimum": 1
                    },
                    "nodeSelector": {
                      "description": "Only nodes with these labels are moved; the others count as skipped. May be changed at any time. A node that has begun goes on in any case. Default: all nodes.",
                      "type": "object",
                      "properties": {
                        "matchLabels": {
                          "description": "Every one of these labels must be on the object, with exactly this value.",
                          "type": "object",
                          "maxProperties": 20,
                          "additionalProperties": {
                            "type": "string",
                            "maxLength": 63
                          }
                        },
                        "matchExpressions": {
                          "description": "Every one of these must hold.",
                          "type": "array",
                          "maxItems": 20,
                          "x-kubernetes-list-type": "atomic",
                          "items": {
                            "type": "object",
                            "required": [
                              "key",
                              "operator"
                            ],
                            "x-kubernetes-validations": [
                              {
                                "rule": "self.operator in ['In', 'NotIn'] ? has(self.values) && size(self.values) > 0 : !has(self.values) || size(self.values) == 0",
                                "message": "operators In and NotIn need at least one value, Exists and DoesNotExist take none; add or remove values"
                              }
                            ],
                            "properties": {
                              "key": {
                                "description": "The label's key.",
                                "type": "string",
                                "minLength": 1,
                                "maxLength": 317
                              },
                              "operator": {
                                "description": "How the label's value is compared with values.",
                                "type": "string",
                                "enum": [
                                  "In",
                                  "NotIn",
                                  "Exists",
                                  "DoesNotExist"
                                ]
                              },
                              "values": {
                                "description": "Values for In and NotIn; none for Exists and DoesNotExist.",
                                "type": "array",
                                "maxItems": 50,
                                "x-kubernetes-list-type": "atomic",
                                "items": {
                                  "type": "string",
                                  "maxLength": 63
                                }
                              }
                            }
                          }
                        }
                      }
                    },
                    "nodeOrder": {
                      "description": "Names of nodes that go first, in this order. The others follow: workers by name, then control plane nodes by name. A name no node has is passed over. May be changed at any time. Default: none.",
                      "type": "array",
                      "maxItems": 100,
                      "x-kubernetes-list-type": "set",
                      "items": {
                        "type": "string",
                        "minLength": 1,
                        "maxLength": 253
                      }
                    },
                    "drain": {
                      "description": "How pods are moved off a node before it is switched. May be changed at any time.",
                      "type": "object",
                      "default": {},
                      "properties": {
                        "timeout": {
                          "description": "How long the drain of one node may take, in hours, minutes and seconds (\"10m\", \"1h30m\"). After it the node is Stalled with reason DrainTimeout, still on its old network. Default \"10m\".",
                          "type": "string",
                          "maxLength": 20,
                          "default": "10m",
                          "x-kubernetes-validations": [
                            {
                              "rule": "self != '' && self.matches('^([0-9]{1,4}h)?([0-9]{1,5}m)?([0-9]{1,6}s)?$') && duration(self) >= duration('1s')",
                              "message": "is not a length of time of at least 1s; write hours, minutes and seconds such as 10m, 90s or 1h30m",
                              "messageExpression": "'\"' + self + '\" is not a length of time of at least 1s; write hours, minutes and seconds such as 10m, 90s or 1h30m'"
                            }
                          ]
                        },
                        "gracePeriodSeconds": {
                          "description": "Seconds a pod gets to end by itself. -1 uses each pod's own terminationGracePeriodSeconds; 0 ends pods at once. Default -1.",
                          "type": "integer",
                          "format": "int32",
                          "minimum": -1,
                          "maximum": 86400,
                          "default": -1
                        },
                        "deleteEmptyDirData": {
                          "description": "Whether pods with emptyDir volumes may be evicted; what is in those volumes is lost with the pod. When false such pods block the drain, as they do for kubectl drain without its flag. Default true: changing the network recreates every pod, and an emptyDir never outlives its pod.",
                          "type": "boolean",
                          "default": true
                        },
                        "force": {
                          "description": "Whether pods without a controller may be evicted; nothing makes them anew. When false they block the drain. Default false.",
                          "type": "boolean",
                          "default": false
                        },
                        "disableEviction": {
                          "description": "Delete pods instead of evicting them. PodDisruptionBudgets are then not respected. `start` gives the controller the right to delete pods where this is true; when it is set later, the message of the drain that waits for the right has the commands. Default false.",
                          "type": "boolean",
                          "default": false
                        },
                        "ignore": {
                          "description": "Pods the drain leaves alone: those that match any of these. They stay on the node while its network is changed and may have none until they are recreated; meant for pods that need no pod network. Default: none.",
                          "type": "array",
                          "maxItems": 20,
                          "x-kubernetes-list-type": "atomic",
                          "items": {
                            "type": "object",
                            "required": [
                              "podSelector"
                            ],
                            "properties": {
                              "namespace": {
                                "description": "Only pods of this namespace. Default all namespaces.",
                                "type": "string",
                                "minLength": 1,
                                "maxLength": 63
                              },
                              "podSelector": {
                                "description": "Labels of the pods. At least one label or expression is needed.",
                                "type": "object",
                                "x-kubernetes-validations": [
                                  {
                                    "rule": "has(self.matchLabels) && size(self.matchLabels) > 0 || has(self.matchExpressions) && size(self.matchExpressions) > 0",
                                    "message": "an empty selector would leave every pod on the node; name at least one label in matchLabels or one entry in matchExpressions"
                                  }
                                ],
                                "properties": {
                                  "matchLabels": {
                                    "description": "Every one of these labels must be on the object, with exactly this value.",
                                    "type": "object",
                                    "maxProperties": 20,
                                    "additionalProperties": {
                                      "type": "string",
                                      "maxLength": 63
                                    }
                                  },
                                  "matchExpressions": {
                                    "description": "Every one of these must hold.",
                                    "type": "array",
                                    "maxItems": 20,
                                    "x-kubernetes-list-type": "atomic",
                                    "items": {
                                      "type": "object",
                                      "required": [
                                        "key",
                                        "operator"
                                      ],
                                      "x-kubernetes-validations": [
                                        {
                                          "rule": "self.operator in ['In', 'NotIn'] ? has(self.values) && size(self.values) > 0 : !has(self.values) || size(self.values) == 0",
                                          "message": "operators In and NotIn need at least one value, Exists and DoesNotExist take none; add or remove values"
                                        }
                                      ],
                                      "properties": {
                                        "key": {
                                          "description": "The label's key.",
                                          "type": "string",
                                          "minLength": 1,
                                          "maxLength": 317
                                        },
                                        "operator": {
                                          "description": "How the label's value is compared with values.",
                                          "type": "string",
                                          "enum": [
                                            "In",
                                            "NotIn",
                                            "Exists",
                                            "DoesNotExist"
                                          ]
                                        },
                                        "values": {
                                          "description": "Values for In and NotIn; none for Exists and DoesNotExist.",
                                          "type": "array",
                                          "maxItems": 50,
                                          "x-kubernetes-list-type": "atomic",
                                          "items": {
                                            "type": "string",
                                            "maxLength": 63
                                          }
                                        }
                                      }
                                    }
                                  }
                                }
                              }
                            }
                          }
                        }
                      }
                    },
                    "verify": {
                      "description": "The connectivity check after each node. May be changed at any time.",
                      "type": "object",
                      "default": {},
                      "properties": {
                        "enabled": {
                          "description": "Whether each switched node is checked with probe pods. Default true.",
                          "type": "boolean",
                          "default": true
                        },
                        "timeout": {
                          "description": "How long the check of one node may take, in hours, minutes and seconds (\"2m\"). Default \"2m\".",
                          "type": "string",
                          "maxLength": 20,
                          "default": "2m",
                          "x-kubernetes-validations": [
                            {
                              "rule": "self != '' && self.matches('^([0-9]{1,4}h)?([0-9]{1,5}m)?([0-9]{1,6}s)?$') && duration(self) >= duration('1s')",
                              "message": "is not a length of time of at least 1s; write hours, minutes and seconds such as 2m, 90s or 1h30m",
                              "messageExpression": "'\"' + self + '\" is not a length of time of at least 1s; write hours, minutes and seconds such as 2m, 90s or 1h30m'"
                            }
                          ]
                        },
                        "externalTarget": {
                          "description": "A TCP address outside the cluster that pods must reach, as host:port (\"example.com:443\", \"192.0.2.1:80\", \"[2001:db8::1]:443\"). Default: nothing outside is tried.",
                          "type": "string",
                          "maxLength": 260,
                          "x-kubernetes-validations": [
                            {
                              "rule": "self.matches('^(\\\\[[0-9A-Fa-f:.]{2,45}\\\\]|[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?):[1-9][0-9]{0,4}$') && int(self.substring(self.lastIndexOf(':') + 1)) <= 65535 && (!self.startsWith('[') || isIP(self.substring(1, self.lastIndexOf(']'))))",
                              "message": "is not host:port; write a name or an address and a port from 1 to 65535, such as example.com:443, 192.0.2.1:80 or [2001:db8::1]:443",
                              "messageExpression": "'\"' + self + '\" is not host:port; write a name or an address and a port from 1 to 65535, such as example.com:443, 192.0.2.1:80 or [2001:db8::1]:443'"
                            }
                          ]
                        }
                      }
                    },
                    "flannel": {
                      "description": "Values used instead of those found for flannel, also for the flannel inside Canal. They describe what runs; setting them changes nothing in the running network. Cannot be changed later.",
                      "type": "object",
                      "properties": {
                        "network": {
                          "description": "IPv4 range of all pods (\"10.244.0.0/16\"). Found in net-conf.json, Network.",
                          "type": "string",
                          "maxLength": 43,
                          "x-kubernetes-validations": [
                            {
                              "rule": "isCIDR(self) && cidr(self).ip().family() == 4 && cidr(self) == cidr(self).masked()",
                              "message": "is not an IPv4 range; write its first address and prefix length, such as 10.244.0.0/16",
                              "messageExpression": "'\"' + self + '\" is not an IPv4 range; write its first address and prefix length, such as 10.244.0.0/16'"
                            }
                          ]
                        },
                        "ipv6Network": {
                          "description": "IPv6 range of all pods (\"fd00:10:244::/56\"). Found in net-conf.json, IPv6Network.",
                          "type": "string",
                          "maxLength": 49,
                          "x-kubernetes-validations": [
                            {
                              "rule": "isCIDR(self) && cidr(self).ip().family() == 6 && cidr(self) == cidr(self).masked()",
                              "message": "is not an IPv6 range; write its first address and prefix length, such as fd00:10:244::/56",
                              "messageExpression": "'\"' + self + '\" is not an IPv6 range; write its first address and prefix length, such as fd00:10:244::/56'"
                            }
                          ]
                        },
                        "daemonSet": {
                          "description": "The DaemonSet that runs flanneld. Found by its image and labels, in any namespace.",
                          "type": "object",
                          "required": [
                            "namespace",
                            "name"
                          ],
                          "properties": {
                            "namespace": {
                              "description": "Its namespace.",
                              "type": "string",
                              "minLength": 1,
                              "maxLength": 63
                            },
                            "name": {
                              "description": "Its name.",
                              "type": "string",
                              "minLength": 1,
                              "maxLength": 253
                            }
                          }
                        },
                        "mtu": {
                          "description": "MTU of the VXLAN device in bytes (link MTU less 50). Found in subnet.env on the nodes.",
                          "type": "integer",
                          "format": "int32",
                          "minimum": 576,
                          "maximum": 65535
                        },
                        "ipMasq": {
                          "description": "Whether traffic from pods to the outside is masqueraded. Found in flanneld's arguments.",
                          "type": "boolean"
                        },
                        "subnetLen": {
                          "description": "Prefix length of a node's IPv4 range (24). Found in the nodes' podCIDRs.",
                          "type": "integer",
                          "format": "int32",
                          "minimum": 9,
                          "maximum": 30
                        },
                        "ipv6SubnetLen": {
                          "description": "Prefix length of a node's IPv6 range (64). Found in the nodes' podCIDRs.",
                          "type": "integer",
                          "format": "int32",
                          "minimum": 9,
                          "maximum": 126
                        },
                        "annotationPrefix": {
                          "description": "Prefix of the annotations flanneld puts on nodes (its argument kube-annotation-prefix). Found in flanneld's arguments, else \"flannel.alpha.coreos.com\".",
                          "type": "string",
                          "maxLength": 253,
                          "x-kubernetes-validations": [
                            {
                              "rule": "self.matches('^[a-z0-9_-]+([.][a-z0-9_-]+)+(/[a-z0-9_-]*)?$')",
                              "message": "is not a prefix flanneld accepts; write a domain name in lower case such as flannel.alpha.coreos.com",
                              "messageExpression": "'\"' + self + '\" is not a prefix flanneld accepts; write a domain name in lower case such as flannel.alpha.coreos.com'"
                            }
                          ]
                        },
                        "vni": {
                          "description": "VXLAN network identifier (1). Found in net-conf.json, Backend.VNI.",
                          "type": "integer",
                          "format": "int32",
                          "minimum": 1,
                          "maximum": 16777215
                        },
                        "port": {
                          "description": "UDP port VXLAN uses (8472). Found in net-conf.json, Backend.Port.",
                          "type": "integer",
                          "format": "int32",
                          "minimum": 1,
                          "maximum": 65535
                        },
                        "cniConfDir": {
                          "description": "Directory of CNI configuration files on the nodes. Found in the DaemonSet, else /etc/cni/net.d.",
                          "type": "string",
                          "maxLength": 253,
                          "x-kubernetes-validations": [
                            {
                              "rule": "self.matches('^(/[.]?[A-Za-z0-9_][A-Za-z0-9_.-]*){2,}$') && self.contains('cni')",
                              "message": "is not a directory for CNI configuration; write an absolute path without \"..\" and a final slash, with cni in it, such as /etc/cni/net.d",
                              "messageExpression": "'\"' + self + '\" is not a directory for CNI configuration; write an absolute path without \"..\" and a final slash, with cni in it, such as /etc/cni/net.d'"
                            }
                          ]
                        },
                        "cniBinDir": {
                          "description": "Directory of CNI plugins (executables) on the nodes. Found in the DaemonSet, else /opt/cni/bin.",
                          "type": "string",
                          "maxLength": 253,
                          "x-kubernetes-validations": [
                            {
                              "rule": "self.matches('^(/[.]?[A-Za-z0-9_][A-Za-z0-9_.-]*){2,}$')",
                              "message": "is not a directory for CNI plugins; write an absolute path without \"..\" and a final slash, such as /opt/cni/bin",
                              "messageExpression": "'\"' + self + '\" is not a directory for CNI plugins; write an absolute path without \"..\" and a final slash, such as /opt/cni/bin'"
                            }
                          ]
                        }
                      }
                    },
                    "calico": {
                      "description": "Values used instead of those found for Calico. They describe what runs or, for a target, what its manifests bring; setting them changes nothing in the running network. Cannot be changed later.",
                      "type": "object",
                      "properties": {
                        "network": {
                          "description": "IPv4 range of all pods (\"10.244.0.0/16\"). Found in the IPPools.",
                          "type": "string",
                          "maxLength": 43,
                          "x-kubernetes-validations": [
                            {
                              "rule": "isCIDR(self) && cidr(self).ip().family() == 4 && cidr(self) == cidr(self).masked()",
                              "message": "is not an IPv4 range; write its first address and prefix length, such as 10.244.0.0/16",
                              "messageExpression": "'\"' + self + '\" is not an IPv4 range; write its first address and prefix length, such as 10.244.0.0/16'"
                            }
                          ]
                        },
                        "ipv6Network": {
                          "description": "IPv6 range of all pods (\"fd00:10:244::/56\"). Found in the IPPools.",
                          "type": "string",
                          "maxLength": 49,
                          "x-kubernetes-validations": [
                            {
                              "rule": "isCIDR(self) && cidr(self).ip().family() == 6 && cidr(self) == cidr(self).masked()",
                              "message": "is not an IPv6 range; write its first address and prefix length, such as fd00:10:244::/56",
                              "messageExpression": "'\"' + self + '\" is not an IPv6 range; write its first address and prefix length, such as fd00:10:244::/56'"
                            }
                          ]
                        },
                        "daemonSet": {
                          "description": "The DaemonSet that runs calico-node. Found by its image and labels, in any namespace.",
                          "type": "object",
                          "required": [
                            "namespace",
                            "name"
                          ],
                          "properties": {
                            "namespace": {
                              "description": "Its namespace.",
                              "type": "string",
                              "minLength": 1,
                              "maxLength": 63
                            },
                            "name": {
                              "description": "Its name.",
                              "type": "string",
                              "minLength": 1,
                              "maxLength": 253
                            }
                          }
                        },
                        "mtu": {
                          "description": "MTU of the VXLAN device in bytes (link MTU less 50). Found in FelixConfiguration and calico-config.",
                          "type": "integer",
                          "format": "int32",
                          "minimum": 576,
                          "maximum": 65535
                        },
                        "ipMasq": {
                          "description": "Whether traffic from pods to the outside is masqueraded. Found in the IPPools, natOutgoing.",
                          "type": "boolean"
                        },
                        "vni": {
                          "description": "VXLAN network identifier (4096). Found in FelixConfiguration, vxlanVNI.",
                          "type": "integer",
                          "format": "int32",
                          "minimum": 1,
                          "maximum": 16777215
                        },
                        "port": {
                          "description": "UDP port VXLAN uses (4789). Found in FelixConfiguration, vxlanPort.",
                          "type": "integer",
                          "format": "int32",
                          "minimum": 1,
                          "maximum": 65535
                        },
                        "cniConfDir": {
                          "description": "Directory of CNI configuration files on the nodes. Found in the DaemonSet, else /etc/cni/net.d.",
                          "type": "string",
                          "maxLength": 253,
                          "x-kubernetes-validations": [
                            {
                              "rule": "self.matches('^(/[.]?[A-Za-z0-9_][A-Za-z0-9_.-]*){2,}$') && self.contains('cni')",
                              "message": "is not a directory for CNI configuration; write an absolute path without \"..\" and a final slash, with cni in it, such as /etc/cni/net.d",
                              "messageExpression": "'\"' + self + '\" is not a directory for CNI configuration; write an absolute path without \"..\" and a final slash, with cni in it, such as /etc/cni/net.d'"
                            }
                          ]
                        },
                        "cniBinDir": {
                          "description": "Directory of CNI plugins (executables) on the nodes. Found in the DaemonSet, else /opt/cni/bin.",
                          "type": "string",
                          "maxLength": 253,
                          "x-kubernetes-validations": [
                            {
                              "rule": "self.matches('^(/[.]?[A-Za-z0-9_][A-Za-z0-9_.-]*){2,}$')",
                              "message": "is not a directory for CNI plugins; write an absolute path without \"..\" and a final slash, such as /opt/cni/bin",
                              "messageExpression": "'\"' + self + '\" is not a directory for CNI plugins; write an absolute path without \"..\" and a final slash, such as /opt/cni/bin'"
                            }
                          ]
                        }
                      }
                    },
                    "cilium": {
                      "description": "Values used instead of those found in Cilium's manifests; setting them changes nothing in the running network. Cannot be changed later.",
                      "type": "object",
                      "properties": {
                        "daemonSet": {
                          "description": "The DaemonSet that runs the Cilium agent. Found by its image and labels, in any namespace.",
                          "type": "object",
                          "required": [
                            "namespace",
                            "name"
                          ],
                          "properties": {
                            "namespace": {
                              "description": "Its namespace.",
                              "type": "string",
                              "minLength": 1,
                              "maxLength": 63
                            },
                            "name": {
                              "description": "Its name.",
                              "type": "string",
                              "minLength": 1,
                              "maxLength": 253
                            }
                          }
                        },
                        "mtu": {
                          "description": "MTU of pods in bytes. Found in the ConfigMap cilium-config.",
                          "type": "integer",
                          "format": "int32",
                          "minimum": 576,
                          "maximum": 65535
                        },
                        "port": {
                          "description": "UDP port of the tunnel (8472). Found in the ConfigMap cilium-config, tunnel-port.",
                          "type": "integer",
                          "format": "int32",
                          "minimum": 1,
                          "maximum": 65535
                        },
                        "cniConfDir": {
                          "description": "Directory of CNI configuration files on the nodes. Found in the DaemonSet, else /etc/cni/net.d.",
                          "type": "string",
                          "maxLength": 253,
                          "x-kubernetes-validations": [
                            {
                              "rule": "self.matches('^(/[.]?[A-Za-z0-9_][A-Za-z0-9_.-]*){2,}$') && self.contains('cni')",
                              "message": "is not a directory for CNI configuration; write an absolute path without \"..\" and a final slash, with cni in it, such as /etc/cni/net.d",
                              "messageExpression": "'\"' + self + '\" is not a directory for CNI configuration; write an absolute path without \"..\" and a final slash, with cni in it, such as /etc/cni/net.d'"
                            }
                          ]
                        },
                        "cniBinDir": {
                          "description": "Directory of CNI plugins (executables) on the nodes. Found in the DaemonSet, else /opt/cni/bin.",
                          "type": "string",
                          "maxLength": 253,
                          "x-kubernetes-validations": [
                            {
                              "rule": "self.matches('^(/[.]?[A-Za-z0-9_][A-Za-z0-9_.-]*){2,}$')",
                              "message": "is not a directory for CNI plugins; write an absolute path without \"..\" and a final slash, such as /opt/cni/bin",
                              "messageExpression": "'\"' + self + '\" is not a directory for CNI plugins; write an absolute path without \"..\" and a final slash, such as /opt/cni/bin'"
                            }
                          ]
                        }
                      }
                    }
                  }
                },
                "status": {
                  "description": "What the controller has seen and done. Written by the controller only.",
                  "type": "object",
                  "default": {
                    "summary": "Pending",
                    "message": "waiting for the controller; if this lasts, look at: kubectl -n cni-migrate get pods",
                    "conditions": [
                      {
                        "type": "Reconciling",
                        "status": "True",
                        "reason": "Pending",
                        "message": "waiting for the controller",
                        "lastTransitionTime": "1970-01-01T00:00:00Z"
                      },
                      {
                        "type": "Succeeded",
                        "status": "Unknown",
                        "reason": "Pending",
                        "message": "waiting for the controller",
                        "lastTransitionTime": "1970-01-01T00:00:00Z"
                      }
                    ]
                  },
                  "properties": {
                    "observedGeneration": {
                      "description": "metadata.generation of the spec this status speaks of.",
                      "type": "integer",
                      "format": "int64",
                      "minimum": 0
                    },
                    "startTime": {
                      "description": "When the first change to the cluster was made.",
                      "type": "string",
                      "format": "date-time"
                    },
                    "completionTime": {
                      "description": "When the migration, or its way back, was finished. Absent while it is not.",
                      "type": "string",
                      "format": "date-time"
                    },
                    "strategy": {
                      "description": "How both networks live side by side. SharedOverlay: one VXLAN network, pods keep the address range. DualOverlay: two, each with its own range.",
                      "type": "string",
                      "enum": [
                        "SharedOverlay",
                        "DualOverlay"
                      ]
                    },
                    "summary": {
                      "description": "Where the migration stands, in one word. For people; programs read conditions.",
                      "type": "string",
                      "maxLength": 64
                    },
                    "message": {
                      "description": "Why it stands there and what to do next. For people; programs read conditions.",
                      "type": "string",
                      "maxLength": 32768
                    },
                    "progress": {
                      "description": "Nodes done of nodes to do (\"3/12\"). For people; programs read nodes.",
                      "type": "string",
                      "maxLength": 32
                    },
                    "nodes": {
                      "description": "How many nodes are where. pending, inProgress, migrated, failed and skipped add up to total.",
                      "type": "object",
                      "required": [
                        "total",
                        "pending",
                        "inProgress",
                        "migrated",
                        "failed",
                        "skipped"
                      ],
                      "properties": {
                        "total": {
                          "description": "Nodes of the cluster.",
                          "type": "integer",
                          "format": "int32",
                          "minimum": 0
                        },
                        "pending": {
                          "description": "Nodes that wait for their turn.",
                          "type": "integer",
                          "format": "int32",
                          "minimum": 0
                        },
                        "inProgress": {
                          "description": "Nodes being switched now.",
                          "type": "integer",
                          "format": "int32",
                          "minimum": 0
                        },
                        "migrated": {
                          "description": "Nodes that are done in the current direction.",
                          "type": "integer",
                          "format": "int32",
                          "minimum": 0
                        },
                        "failed": {
                          "description": "Nodes that are Stalled.",
                          "type": "integer",
                          "format": "int32",
                          "minimum": 0
                        },
                        "skipped": {
                          "description": "Nodes spec.nodeSelector leaves out.",
                          "type": "integer",
                          "format": "int32",
                          "minimum": 0
                        }
                      }
                    },
                    "detected": {
                      "description": "What was found out about the networks, and where.",
                      "type": "array",
                      "maxItems": 100,
                      "x-kubernetes-list-type": "map",
                      "x-kubernetes-list-map-keys": [
                        "name"
                      ],
                      "items": {
                        "type": "object",
                        "required": [
                          "name",
                          "value",
                          "from"
                        ],
                        "properties": {
                          "name": {
                            "description": "The name of the value, as the overrides name it (mtu, vni, network).",
                            "type": "string",
                            "minLength": 1,
                            "maxLength": 128
                          },
                          "value": {
                            "description": "The value as text.",
                            "type": "string",
                            "maxLength": 1024
                          },
                          "from": {
                            "description": "Where it was read.",
                            "type": "string",
                            "maxLength": 1024
                          }
                        }
                      }
                    },
                    "facts": {
                      "description": "The facts later steps go by, kept so that they do not change under way.",
                      "type": "object",
                      "properties": {
                        "sourceAgent": {
                          "description": "What runs the source's agent on the nodes.",
                          "type": "object",
                          "required": [
                            "namespace",
                            "daemonSets",
                            "podLabels"
                          ],
                          "properties": {
                            "namespace": {
                              "description": "Namespace of the DaemonSets.",
                              "type": "string",
                              "maxLength": 63
                            },
                            "daemonSets": {
                              "description": "Names of the DaemonSets; usually one.",
                              "type": "array",
                              "maxItems": 20,
                              "x-kubernetes-list-type": "atomic",
                              "items": {
                                "type": "string",
                                "maxLength": 253
                              }
                            },
                            "podLabels": {
                              "description": "Labels all the agent's pods carry.",
                              "type": "object",
                              "maxProperties": 50,
                              "additionalProperties": {
                                "type": "string",
                                "maxLength": 63
                              }
                            }
                          }
                        },
                        "targetAgent": {
                          "description": "What runs the target's agent on the nodes.",
                          "type": "object",
                          "required": [
                            "namespace",
                            "daemonSets",
                            "podLabels"
                          ],
                          "properties": {
                            "namespace": {
                              "description": "Namespace of the DaemonSets.",
                              "type": "string",
                              "maxLength": 63
                            },
                            "daemonSets": {
                              "description": "Names of the DaemonSets; usually one.",
                              "type": "array",
                              "maxItems": 20,
                              "x-kubernetes-list-type": "atomic",
                              "items": {
                                "type": "string",
                                "maxLength": 253
                              }
                            },
                            "podLabels": {
                              "description": "Labels all the agent's pods carry.",
                              "type": "object",
                              "maxProperties": 50,
                              "additionalProperties": {
                                "type": "string",
                                "maxLength": 63
                              }
                            }
                          }
                        },
                        "overlay": {
                          "description": "The overlay as the source runs it.",
                          "type": "object",
                          "required": [
                            "encapsulation",
                            "vni",
                            "port",
                            "mtu",
                            "cidrs",
                            "subnetLen",
                            "masquerade"
                          ],
                          "properties": {
                            "encapsulation": {
                              "description": "How packets between nodes are wrapped.",
                              "type": "string",
                              "enum": [
                                "vxlan",
                                "other"
                              ]
                            },
                            "vni": {
                              "description": "VXLAN network identifier.",
                              "type": "integer",
                              "format": "int32",
                              "minimum": 0
                            },
                            "port": {
                              "description": "UDP port.",
                              "type": "integer",
                              "format": "int32",
                              "minimum": 0
                            },
                            "mtu": {
                              "description": "MTU inside the overlay in bytes.",
                              "type": "integer",
                              "format": "int32",
                              "minimum": 0
                            },
                            "cidrs": {
                              "description": "Ranges of all pods, IPv4 first.",
                              "type": "array",
                              "maxItems": 16,
                              "x-kubernetes-list-type": "atomic",
                              "items": {
                                "type": "string",
                                "maxLength": 49
                              }
                            },
                            "subnetLen": {
                              "description": "Prefix length of a node's range.",
                              "type": "integer",
                              "format": "int32",
                              "minimum": 0
                            },
                            "masquerade": {
                              "description": "Whether traffic from pods to the outside is masqueraded.",
                              "type": "boolean"
                            }
                          }
                        },
                        "cniConfDir": {
                          "description": "Directory of CNI configuration files on the nodes.",
                          "type": "string",
                          "maxLength": 253
                        },
                        "cniBinDir": {
                          "description": "Directory of CNI plugins on the nodes.",
                          "type": "string",
                          "maxLength": 253
                        },
                        "annotationPrefix": {
                          "description": "Prefix of the annotations the source's agent puts on nodes.",
                          "type": "string",
                          "maxLength": 253
                        }
                      }
                    },
                    "undo": {
                      "description": "What takes back the changes made to objects of the whole cluster, oldest first. Each entry is recorded before its change is made. A Node carries what it was before in an annotation of its own.",
                      "type": "array",
                      "maxItems": 500,
                      "x-kubernetes-list-type": "atomic",
                      "items": {
                        "type": "object",
                        "required": [
                          "apiVersion",
                          "kind",
                          "name",
                          "action"
                        ],
                        "properties": {
                          "apiVersion": {
                            "description": "Of the changed object.",
                            "type": "string",
                            "maxLength": 317
                          },
                          "kind": {
                            "description": "Of the changed object.",
                            "type": "string",
                            "maxLength": 63
                          },
                          "namespace": {
                            "description": "Of the changed object; absent when it has none.",
                            "type": "string",
                            "maxLength": 63
                          },
                          "name": {
                            "description": "Of the changed object.",
                            "type": "string",
                            "maxLength": 253
                          },
                          "uid": {
                            "description": "Of the changed object; another object of its name is left alone.",
                            "type": "string",
                            "maxLength": 128
                          },
                          "action": {
                            "description": "Delete: the object was made and is deleted. Merge and StrategicMerge: patch is applied in that way.",
                            "type": "string",
                            "enum": [
                              "Delete",
                              "Merge",
                              "StrategicMerge"
                            ]
                          },
                          "patch": {
                            "description": "Merge patch that puts the earlier values back, as JSON text.",
                            "type": "string",
                            "maxLength": 16384
                          },
                          "transient": {
                            "description": "The change is for the time of the migration only and is taken back by finalize.",
                            "type": "boolean"
                          }
                        }
                      }
                    },
                    "conditions": {
                      "description": "Succeeded, Reconciling and Stalled tell how it goes; PreflightPassed, TargetInstalled, NodesMigrated, ConnectivityVerified, SourceRemoved and Reverted are facts.",
                      "type": "array",
                      "maxItems": 20,
                      "x-kubernetes-list-type": "map",
                      "x-kubernetes-list-map-keys": [
                        "type"
                      ],
                      "items": {
                        "type": "object",
                        "required": [
                          "type",
                          "status",
                          "lastTransitionTime",
                          "reason",
                          "message"
                        ],
                        "properties": {
                          "type": {
                            "description": "Name of the condition.",
                            "type": "string",
                            "minLength": 1,
                            "maxLength": 316
                          },
                          "status": {
                            "description": "True, False or Unknown.",
                            "type": "string",
                            "enum": [
                              "True",
                              "False",
                              "Unknown"
                            ]
                          },
                          "observedGeneration": {
                            "description": "metadata.generation the condition speaks of.",
                            "type": "integer",
                            "format": "int64",
                            "minimum": 0
                          },
                          "lastTransitionTime": {
                            "description": "When status last changed.",
                            "type": "string",
                            "format": "date-time"
                          },
                          "reason": {
                            "description": "Why, in one CamelCase word of docs/troubleshooting.md.",
                            "type": "string",
                            "minLength": 1,
                            "maxLength": 128,
                            "pattern": "^[A-Z][A-Za-z0-9]*$"
                          },
                          "message": {
                            "description": "Cause, object and the next command, for people.",
                            "type": "string",
                            "maxLength": 32768
                          }
                        }
                      }
                    }
                  }
                }
              }
            }
          }
        }
      ]
    }
  },
  {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {
      "name": "nodemigrations.cni-migrate.io",
      "annotations": {
        "cni-migrate.io/schema-version": "1"
      }
    },
    "spec": {
      "group": "cni-migrate.io",
      "scope": "Cluster",
      "names": {
        "plural": "nodemigrations",
        "singular": "nodemigration",
        "kind": "NodeMigration",
        "listKind": "NodeMigrationList",
        "shortNames": [
          "nodemig"
        ],
        "categories": [
          "cni-migrate"
        ]
      },
      "versions": [
        {
          "name": "v1alpha1",
          "served": true,
          "storage": true,
          "subresources": {
            "status": {}
          },
          "additionalPrinterColumns": [
            {
              "name": "Step",
              "type": "string",
              "jsonPath": ".status.step",
              "description": "The step the node is in."
            },
            {
              "name": "Status",
              "type": "string",
              "jsonPath": ".status.summary",
              "description": "Where the node stands."
            },
            {
              "name": "Blocked-By",
              "type": "string",
              "jsonPath": ".status.blockedBy",
              "description": "What the node waits for."
            },
            {
              "name": "Age",
              "type": "date",
              "jsonPath": ".metadata.creationTimestamp"
            },
            {
              "name": "Migration",
              "type": "string",
              "priority": 1,
              "jsonPath": ".spec.migrationName",
              "description": "The CniMigration it belongs to."
            },
            {
              "name": "Message",
              "type": "string",
              "priority": 1,
              "jsonPath": ".status.message",
              "description": "Why it stands there."
            }
          ],
          "schema": {
            "openAPIV3Schema": {
              "description": "The part of one node in a CniMigration, under the node's name. Made, and removed, by the controller.",
              "type": "object",
              "required": [
                "spec"
              ],
              "x-kubernetes-validations": [
                {
                  "rule": "self.metadata.name == self.spec.nodeName",
                  "fieldPath": ".spec.nodeName",
                  "message": "a NodeMigration has the name of its node; set metadata.name and spec.nodeName to the same node name"
                }
              ],
              "properties": {
                "apiVersion": {
                  "type": "string"
                },
                "kind": {
                  "type": "string"
                },
                "metadata": {
                  "type": "object"
                },
                "spec": {
                  "description": "What is wanted of the node.",
                  "type": "object",
                  "required": [
                    "migrationName",
                    "nodeName",
                    "nodeUID"
                  ],
                  "x-kubernetes-validations": [
                    {
                      "rule": "self.migrationName == oldSelf.migrationName",
                      "fieldPath": ".migrationName",
                      "message": "the migration of a NodeMigration cannot be changed; only spec.direction can: delete the object and the controller makes it anew"
                    },
                    {
                      "rule": "self.nodeName == oldSelf.nodeName",
                      "fieldPath": ".nodeName",
                      "message": "the node of a NodeMigration cannot be changed; only spec.direction can: delete the object and the controller makes it anew"
                    },
                    {
                      "rule": "self.nodeUID == oldSelf.nodeUID",
                      "fieldPath": ".nodeUID",
                      "message": "the node of a NodeMigration cannot be changed; only spec.direction can: delete the object and the controller makes it anew"
                    }
                  ],
                  "properties": {
                    "migrationName": {
                      "description": "Name of the CniMigration this belongs to. Cannot be changed later.",
                      "type": "string",
                      "minLength": 1,
                      "maxLength": 63
                    },
                    "nodeName": {
                      "description": "Name of the node. Cannot be changed later.",
                      "type": "string",
                      "minLength": 1,
                      "maxLength": 253
                    },
                    "nodeUID": {
                      "description": "UID of the Node object. A node of the same name with another UID is another node and is not touched on behalf of this one. Cannot be changed later.",
                      "type": "string",
                      "minLength": 1,
                      "maxLength": 128
                    },
                    "direction": {
                      "description": "Forward moves the node to the target, Revert moves it back to the source. Set by the controller from the CniMigration. Default Forward.",
                      "type": "string",
                      "enum": [
                        "Forward",
                        "Revert"
                      ],
                      "default": "Forward"
                    }
                  }
                },
                "status": {
                  "description": "What the controller has seen and done on the node. Written by the controller only.",
                  "type": "object",
                  "default": {
                    "step": "Pending",
                    "summary": "Pending",
                    "message": "waiting for its turn",
                    "conditions": [
                      {
                        "type": "Reconciling",
                        "status": "True",
                        "reason": "Pending",
                        "message": "waiting for its turn",
                        "lastTransitionTime": "1970-01-01T00:00:00Z"
                      },
                      {
                        "type": "Succeeded",
                        "status": "Unknown",
                        "reason": "Pending",
                        "message": "waiting for its turn",
                        "lastTransitionTime": "1970-01-01T00:00:00Z"
                      }
                    ]
                  },
                  "properties": {
                    "observedGeneration": {
                      "description": "metadata.generation of the spec this status speaks of.",
                      "type": "integer",
                      "format": "int64",
                      "minimum": 0
                    },
                    "step": {
                      "description": "The step the node is in. It only moves forward in the direction it was begun with.",
                      "type": "string",
                      "enum": [
                        "Pending",
                        "Cordon",
                        "Drain",
                        "LeaveSource",
                        "AdoptPods",
                        "JoinTarget",
                        "RecyclePods",
                        "Verify",
                        "CleanUp",
                        "Uncordon",
                        "Done"
                      ]
                    },
                    "direction": {
                      "description": "The direction of step. Differs from spec.direction until the node has turned round.",
                      "type": "string",
                      "enum": [
                        "Forward",
                        "Revert"
                      ]
                    },
                    "summary": {
                      "description": "Where the node stands, in one word. For people; programs read conditions.",
                      "type": "string",
                      "maxLength": 64
                    },
                    "message": {
                      "description": "Why it stands there and what to do next. For people; programs read conditions.",
                      "type": "string",
                      "maxLength": 32768
                    },
                    "blockedBy": {
                      "description": "What the node waits for (\"PodDisruptionBudget shop/cart\"). For people; programs read drain and conditions. Absent when nothing is in the way.",
                      "type": "string",
                      "maxLength": 1024
                    },
                    "steps": {
                      "description": "When each step of the current direction began and ended.",
                      "type": "array",
                      "maxItems": 20,
                      "x-kubernetes-list-type": "map",
                      "x-kubernetes-list-map-keys": [
                        "name"
                      ],
                      "items": {
                        "type": "object",
                        "required": [
                          "name"
                        ],
                        "properties": {
                          "name": {
                            "description": "The step.",
                            "type": "string",
                            "enum": [
                              "Pending",
                              "Cordon",
                              "Drain",
                              "LeaveSource",
                              "AdoptPods",
                              "JoinTarget",
                              "RecyclePods",
                              "Verify",
                              "CleanUp",
                              "Uncordon",
                              "Done"
                            ]
                          },
                          "startTime": {
                            "description": "When it began.",
                            "type": "string",
                            "format": "date-time"
                          },
                          "completionTime": {
                            "description": "When it ended.",
                            "type": "string",
                            "format": "date-time"
                          }
                        }
                      }
                    },
                    "drain": {
                      "description": "How the drain stands.",
                      "type": "object",
                      "properties": {
                        "pending": {
                          "description": "Pods still on the node that are to leave it.",
                          "type": "array",
                          "maxItems": 1000,
                          "x-kubernetes-list-type": "atomic",
                          "items": {
                            "type": "object",
                            "required": [
                              "namespace",
                              "name"
                            ],
                            "properties": {
                              "namespace": {
                                "description": "The pod's namespace.",
                                "type": "string",
                                "maxLength": 63
                              },
                              "name": {
                                "description": "The pod's name.",
                                "type": "string",
                                "maxLength": 253
                              },
                              "blockedBy": {
                                "description": "What keeps the pod (\"PodDisruptionBudget shop/cart\"). Absent while it only waits or ends.",
                                "type": "string",
                                "maxLength": 1024
                              }
                            }
                          }
                        }
                      }
                    },
                    "cordonedByUs": {
                      "description": "Whether the controller made the node unschedulable. When false, a person had; the node then stays unschedulable at the end.",
                      "type": "boolean"
                    },
                    "attempts": {
                      "description": "How often the current step was tried.",
                      "type": "integer",
                      "format": "int32",
                      "minimum": 0
                    },
                    "recycle": {
                      "description": "Pods that were on the node before the switch and are recreated after it.",
                      "type": "array",
                      "maxItems": 1000,
                      "x-kubernetes-list-type": "atomic",
                      "items": {
                        "type": "object",
                        "required": [
                          "namespace",
                          "name",
                          "uid"
                        ],
                        "properties": {
                          "namespace": {
                            "description": "The pod's namespace.",
                            "type": "string",
                            "maxLength": 63
                          },
                          "name": {
                            "description": "The pod's name.",
                            "type": "string",
                            "maxLength": 253
                          },
                          "uid": {
                            "description": "The pod's UID; a namesake is another pod.",
                            "type": "string",
                            "maxLength": 128
                          }
                        }
                      }
                    },
                    "restart": {
                      "description": "The agent's pod that has to be replaced in this step, where agents run on every node; recorded before it is evicted.",
                      "type": "object",
                      "required": [
                        "step",
                        "uid"
                      ],
                      "properties": {
                        "step": {
                          "description": "The step that asks for it.",
                          "type": "string",
                          "maxLength": 63
                        },
                        "uid": {
                          "description": "The pod's UID; empty when there was none.",
                          "type": "string",
                          "maxLength": 128
                        }
                      }
                    },
                    "tasks": {
                      "description": "Host tasks that were prepared. Each is recorded before its pod may act.",
                      "type": "array",
                      "maxItems": 50,
                      "x-kubernetes-list-type": "atomic",
                      "items": {
                        "type": "object",
                        "required": [
                          "name",
                          "step",
                          "podName"
                        ],
                        "properties": {
                          "name": {
                            "description": "What the task is called.",
                            "type": "string",
                            "minLength": 1,
                            "maxLength": 63
                          },
                          "step": {
                            "description": "The step it belongs to.",
                            "type": "string",
                            "enum": [
                              "Pending",
                              "Cordon",
                              "Drain",
                              "LeaveSource",
                              "AdoptPods",
                              "JoinTarget",
                              "RecyclePods",
                              "Verify",
                              "CleanUp",
                              "Uncordon",
                              "Done"
                            ]
                          },
                          "podName": {
                            "description": "Its pod in namespace cni-migrate.",
                            "type": "string",
                            "maxLength": 253
                          },
                          "uid": {
                            "description": "UID of its pod; absent until it was created.",
                            "type": "string",
                            "maxLength": 128
                          }
                        }
                      }
                    },
                    "evidence": {
                      "description": "What was found on the node, what was removed, what is left.",
                      "type": "object",
                      "properties": {
                        "found": {
                          "description": "Things of the network it left, as found before clean-up (\"link flannel.1\").",
                          "type": "array",
                          "maxItems": 1000,
                          "x-kubernetes-list-type": "atomic",
                          "items": {
                            "type": "string",
                            "maxLength": 1024
                          }
                        },
                        "removed": {
                          "description": "Things that were removed.",
                          "type": "array",
                          "maxItems": 1000,
                          "x-kubernetes-list-type": "atomic",
                          "items": {
                            "type": "string",
                            "maxLength": 1024
                          }
                        },
                        "leftovers": {
                          "description": "Things still there when the node was read again after clean-up. Empty is what is wanted.",
                          "type": "array",
                          "maxItems": 1000,
                          "x-kubernetes-list-type": "atomic",
                          "items": {
                            "type": "string",
                            "maxLength": 1024
                          }
                        },
                        "checks": {
                          "description": "Results of the connectivity check.",
                          "type": "array",
                          "maxItems": 200,
                          "x-kubernetes-list-type": "atomic",
                          "items": {
                            "type": "object",
                            "required": [
                              "path",
                              "ok"
                            ],
                            "properties": {
                              "path": {
                                "description": "From where to where (\"pod on n2 -> pod on n1\").",
                                "type": "string",
                                "minLength": 1,
                                "maxLength": 512
                              },
                              "ok": {
                                "description": "Whether it passed.",
                                "type": "boolean"
                              },
                              "detail": {
                                "description": "What was seen: the failure, the source address, the size.",
                                "type": "string",
                                "maxLength": 2048
                              }
                            }
                          }
                        }
                      }
                    },
                    "conditions": {
                      "description": "Succeeded, Reconciling and Stalled tell how it goes; Cordoned, Drained, Switched, PodsRestarted, ConnectivityVerified and CleanedUp are facts.",
                      "type": "array",
                      "maxItems": 20,
                      "x-kubernetes-list-type": "map",
                      "x-kubernetes-list-map-keys": [
                        "type"
                      ],
                      "items": {
                        "type": "object",
                        "required": [
                          "type",
                          "status",
                          "lastTransitionTime",
                          "reason",
                          "message"
                        ],
                        "properties": {
                          "type": {
                            "description": "Name of the condition.",
                            "type": "string",
                            "minLength": 1,
                            "maxLength": 316
                          },
                          "status": {
                            "description": "True, False or Unknown.",
                            "type": "string",
                            "enum": [
                              "True",
                              "False",
                              "Unknown"
                            ]
                          },
                          "observedGeneration": {
                            "description": "metadata.generation the condition speaks of.",
                            "type": "integer",
                            "format": "int64",
                            "minimum": 0
                          },
                          "lastTransitionTime": {
                            "description": "When status last changed.",
                            "type": "string",
                            "format": "date-time"
                          },
                          "reason": {
                            "description": "Why, in one CamelCase word of docs/troubleshooting.md.",
                            "type": "string",
                            "minLength": 1,
                            "maxLength": 128,
                            "pattern": "^[A-Z][A-Za-z0-9]*$"
                          },
                          "message": {
                            "description": "Cause, object and the next command, for people.",
                            "type": "string",
                            "maxLength": 32768
                          }
                        }
                      }
                    }
                  }
                }
              }
            }
          }
        }
      ]
    }
  }
];
