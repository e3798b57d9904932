/** Which proxy a connection uses, by the variables that curl reads; loopback never uses one. */
import { TidemarkError } from "../base/errors.ts";

/** The route of a request. `url` may contain a password: it is passed to the socket and never printed. */
export interface Route {
  /** For the `proxy` option of Bun's WebSocket; "" connects directly. */
  url: string;
  /** For people, without user and password: `http://proxy:3128 (HTTPS_PROXY)`; "" without a proxy. */
  shown: string;
}

/** The DOM's types don't know the options of Bun's WebSocket. */
const ProxiedWebSocket = WebSocket as unknown as new (url: string, options: Bun.WebSocketOptions) => WebSocket;
const DIRECT: Route = { url: "", shown: "" };
type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The route to a ws, wss, http or https address: `https_proxy` or `http_proxy` by its scheme, then
 * `all_proxy`. The lower case name wins, an empty variable counts as unset, `no_proxy` excludes hosts.
 * Fails with USAGE when the variable is not a proxy that Bun can use.
 */
export function routeTo(address: string, env: Environment = process.env): Route {
  const url = new URL(address);
  const isSecure = url.protocol === "wss:" || url.protocol === "https:";
  if (isLoopback(url.hostname) || isExcluded(url, isSecure ? 443 : 80, variable("no_proxy", env)?.value ?? ""))
    return DIRECT;
  const found = variable(isSecure ? "https_proxy" : "http_proxy", env) ?? variable("all_proxy", env);
  return found === null ? DIRECT : proxyRoute(found.value, found.name);
}

/** A WebSocket to the feed by the same rule, to test whether the feed can be reached. */
export function feedSocket(url: string): WebSocket {
  const { url: proxy } = routeTo(url);
  return proxy === "" ? new WebSocket(url) : new ProxiedWebSocket(url, { proxy });
}

/**
 * The `proxy` option of a fetch of this address. Bun 1.4.5's fetch reads HTTP_PROXY by itself, without
 * an option against it, so a direct address is added to this process's NO_PROXY, whose lower case name
 * Bun reads first.
 */
export function fetchProxy(address: string): Route & { option: { proxy?: string } } {
  const route = routeTo(address);
  if (route.url !== "") return { ...route, option: { proxy: route.url } };
  const { hostname } = new URL(address);
  const list = variable("no_proxy", process.env)?.value ?? "";
  if (!list.split(",").includes(hostname)) {
    process.env.no_proxy = [list, hostname, hostname.replace(/^\[|\]$/g, "")].filter((part) => part !== "").join(",");
    process.env.NO_PROXY = process.env.no_proxy;
  }
  return { ...route, option: {} };
}

/** Names and addresses of this machine. */
export function isLoopback(hostname: string): boolean {
  const name = hostname.toLowerCase().replace(/\.$/, "");
  return /^(localhost|.+\.localhost|127(\.\d+){3}|0\.0\.0\.0|\[::1?\]|\[::ffff:7f[\da-f]{2}:[\da-f]+\])$/.test(name);
}

function proxyRoute(value: string, name: string): Route {
  const text = /^[a-z][a-z\d+.-]*:\/\//i.test(value) ? value : `http://${value}`;
  const hint = `Use for example http://proxy:3128 in ${name}, or exclude the host with NO_PROXY.`;
  // Neither sentence repeats the value: it may contain a password.
  if (!URL.canParse(text)) throw new TidemarkError("USAGE", `${name} is not a valid proxy address.`, hint);
  const url = new URL(text);
  if (url.protocol !== "http:" && url.protocol !== "https:")
    throw new TidemarkError(
      "USAGE",
      `${name} names a ${url.protocol.slice(0, -1)} proxy, which is not supported.`,
      hint,
    );
  return { url: url.href, shown: `${url.protocol}//${url.host} (${name})` };
}

/**
 * A variable's value in lower case or upper case spelling, with the name that is set; null when
 * neither is.
 */
function variable(name: string, env: Environment): { name: string; value: string } | null {
  for (const spelling of [name, name.toUpperCase()]) {
    const value = env[spelling]?.trim();
    if (value) return { name: spelling, value };
  }
  return null;
}

/** Whether a list such as `.example.com, 10.0.0.0/8 host:8443 *` includes this address. */
function isExcluded(url: URL, default_port: number, list: string): boolean {
  const host = url.hostname.toLowerCase().replace(/\.$/, "");
  const port = url.port || String(default_port);
  return list
    .toLowerCase()
    .split(/[\s,]+/)
    .some((entry) => entry !== "" && matches(host, port, entry));
}

function matches(host: string, port: string, entry: string): boolean {
  if (entry === "*") return true;
  const parts = /^(\[[^\]]+\]|[^:]+)(?::(\d+))?$/.exec(entry);
  // An IPv6 address without brackets has colons and no port.
  const name = parts === null ? `[${entry}]` : parts[1]!;
  if (parts?.[2] !== undefined && parts[2] !== port) return false;
  const network = /^(\d+\.\d+\.\d+\.\d+)\/(\d+)$/.exec(name);
  if (network !== null) return isInNetwork(host, network[1]!, Number(network[2]));
  const domain = name.replace(/^\*?\./, "").replace(/\.$/, "");
  return host === domain || host.endsWith(`.${domain}`);
}

function isInNetwork(host: string, network: string, bits: number): boolean {
  if (!/^\d+\.\d+\.\d+\.\d+$/.test(host) || bits > 32) return false;
  const number = (address: string) => address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
  const size = 2 ** (32 - bits);
  return Math.floor(number(host) / size) === Math.floor(number(network) / size);
}
