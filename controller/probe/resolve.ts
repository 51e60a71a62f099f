import { Resolver } from "node:dns/promises";

/** resolv.conf as far as it matters for finding a name. */
export interface ResolvConf {
  servers: string[];
  search: string[];
  ndots: number;
}

export function parseResolvConf(text: string): ResolvConf {
  const conf: ResolvConf = { servers: [], search: [], ndots: 1 };
  for (const line of text.split("\n")) {
    const [keyword, ...values] = line.trim().split(/\s+/);
    if (keyword === "nameserver" && values[0] !== undefined) conf.servers.push(values[0]);
    if (keyword === "search") conf.search = values;
    if (keyword === "options") conf.ndots = Number(values.find((value) => value.startsWith("ndots:"))?.slice(6) ?? 1);
  }
  return conf;
}

/** What c-ares says when the servers said nothing: its own timer, or ours. */
const silent = ["ETIMEOUT", "ECANCELLED"];

/** The names a resolver asks for one after the other. */
export function candidates(name: string, { search, ndots }: ResolvConf): string[] {
  if (name.endsWith(".")) return [name.slice(0, -1)];
  const searched = search.map((domain) => `${name}.${domain.replace(/\.$/, "")}`);
  return name.split(".").length - 1 >= ndots ? [name, ...searched] : [...searched, name];
}

/**
 * Resolves a name as the C library would, but within the given time and without its five-second pause before a lost
 * question is asked again. Gives the addresses; throws what the servers said.
 */
export async function resolveName(name: string, conf: ResolvConf, timeoutMs: number): Promise<string[]> {
  if (conf.servers.length === 0) throw new Error("resolv.conf names no server");
  const resolver = new Resolver({ timeout: timeoutMs, tries: 1 });
  resolver.setServers(conf.servers);
  const timer = setTimeout(() => resolver.cancel(), timeoutMs);
  try {
    let last: unknown;
    for (const candidate of candidates(name, conf)) {
      try {
        return await resolver.resolve4(candidate).catch((error) => {
          if (error.code === "ENODATA") return resolver.resolve6(candidate);
          throw error;
        });
      } catch (error) {
        last = error;
        if ((error as NodeJS.ErrnoException).code !== "ENOTFOUND") break;
      }
    }
    const code = (last as NodeJS.ErrnoException).code ?? "";
    throw new Error(`${silent.includes(code) ? "no answer" : code} from ${conf.servers.join(", ")}`);
  } finally {
    clearTimeout(timer);
  }
}
