import { describe, expect, it } from "vitest";
import { isExempt, parseProxy, proxyFromEnvironment } from "./proxy.ts";

const server = new URL("https://api.prod.example.com:6443");

describe("the proxy of the environment", () => {
  it.each([
    ["HTTPS_PROXY for https", { HTTPS_PROXY: "http://p:3128", HTTP_PROXY: "http://q" }, "http://p:3128/"],
    ["https_proxy in lower case", { https_proxy: "p:3128" }, "http://p:3128/"],
    ["none when only HTTP_PROXY is set", { HTTP_PROXY: "http://q" }, undefined],
    ["none when it is empty", { HTTPS_PROXY: "" }, undefined],
    ["none when NO_PROXY exempts the server", { HTTPS_PROXY: "http://p", NO_PROXY: "example.com" }, undefined],
    ["none for NO_PROXY *", { HTTPS_PROXY: "http://p", no_proxy: "*" }, undefined],
  ])("is %s", (_, env, expected) => {
    expect(proxyFromEnvironment(server, env)?.href).toBe(expected);
  });

  it("is never used for loopback", () => {
    for (const host of ["localhost", "127.0.0.1", "127.1.2.3", "[::1]"])
      expect(proxyFromEnvironment(new URL(`https://${host}:6443`), { HTTPS_PROXY: "http://p" })).toBeUndefined();
  });
});

describe("NO_PROXY", () => {
  it.each([
    ["https://api.example.com", "example.com", true],
    ["https://api.example.com", ".example.com", true],
    ["https://example.com", ".example.com", false],
    ["https://api.example.com", "*.example.com", true],
    ["https://badexample.com", "example.com", false],
    ["https://api.example.com:6443", "api.example.com:6443", true],
    ["https://api.example.com:6443", "api.example.com:443", false],
    ["https://api.example.com", "api.example.com:443", true],
    ["https://10.1.2.3", "10.0.0.0/8", true],
    ["https://11.1.2.3", "10.0.0.0/8", false],
    ["https://10.1.2.3", "10.1.2.3", true],
    ["https://10.1.2.3", "2.3", false],
    ["https://[fd00::5]:6443", "fd00::/64", true],
    ["https://[fd00::5]:6443", "fd00::5", true],
    ["https://[fd00::5]:6443", "[fd00::5]:6443", true],
    ["https://10.1.2.3", "10.0.0.0/99", false],
    ["https://api.example.com", " a , EXAMPLE.com ,", true],
  ])("%s with %s: exempt is %s", (url, noProxy, expected) => {
    expect(isExempt(new URL(url), noProxy)).toBe(expected);
  });
});

describe("parseProxy", () => {
  it.each([
    ["socks5://p:1080", "proxy-url: proxies of the kind socks5:// are not supported; give http://host:port"],
    ["http://", "proxy-url: not a URL of a proxy; give http://host:port"],
  ])("refuses %s", (value, message) => {
    expect(() => parseProxy(value, "proxy-url")).toThrow(message);
  });
});
