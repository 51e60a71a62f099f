import { anyText, type FlagValues, list, text, toggle } from "./flags.ts";

/** kubectl's own flags, accepted before and after the verb. */
export const globalFlags = {
  kubeconfig: text({
    value: "FILE",
    help: "kubeconfig to use instead of $KUBECONFIG or ~/.kube/config",
    parse: anyText,
  }),
  context: text({ value: "NAME", help: "context of the kubeconfig to use", parse: anyText }),
  cluster: text({ value: "NAME", help: "cluster of the kubeconfig to use", parse: anyText }),
  user: text({ value: "NAME", help: "user of the kubeconfig to use", parse: anyText }),
  namespace: text({
    short: "n",
    value: "NAME",
    help: "namespace of objects in -f files that name none; nothing else here is namespaced",
    parse: anyText,
  }),
  server: text({ short: "s", value: "URL", help: "address of the API server", parse: anyText }),
  token: text({ value: "TOKEN", help: "bearer token for the API server", parse: anyText }),
  as: text({ value: "USER", help: "user to impersonate", parse: anyText }),
  asGroup: list({ value: "GROUP", help: "group to impersonate; may be given several times" }),
  asUid: text({ value: "UID", help: "UID to impersonate", parse: anyText }),
  certificateAuthority: text({ value: "FILE", help: "certificate authority of the API server", parse: anyText }),
  clientCertificate: text({ value: "FILE", help: "client certificate", parse: anyText }),
  clientKey: text({ value: "FILE", help: "key of the client certificate", parse: anyText }),
  tlsServerName: text({ value: "NAME", help: "name to expect in the API server's certificate", parse: anyText }),
  insecureSkipTlsVerify: toggle({ help: "do not check the API server's certificate" }),
  requestTimeout: text({
    value: "SPAN",
    help: "how long one request may take, such as 10s or 1m; 0: the default of 30s",
    parse: anyText,
  }),
};

export type GlobalFlags = FlagValues<typeof globalFlags>;
