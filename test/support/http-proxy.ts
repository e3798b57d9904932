/**
 * A real HTTP proxy for the tests: CONNECT tunnels and absolute requests, with a password on request;
 * every name leads to this machine.
 */
import net from "node:net";

export interface HttpProxy {
  port: number;
  url: string;
  /** First lines of the requests that it got, e.g. `CONNECT feed.test:8400`. */
  requests: string[];
  [Symbol.asyncDispose](): Promise<void>;
}

/** `login` (`user:password`) is asked for; `refuse` answers every request with this status. */
export async function httpProxy(options: { login?: string; refuse?: string } = {}): Promise<HttpProxy> {
  const requests: string[] = [];
  const sockets = new Set<net.Socket>();
  const server = net.createServer((client) => {
    sockets.add(client);
    client.on("error", () => client.destroy());
    client.once("data", (head) => {
      const text = head.toString("latin1");
      const [, method, target] = /^(\S+) (\S+)/.exec(text) ?? [];
      requests.push(`${method} ${target}`);
      const login = /^proxy-authorization: basic (\S+)/im.exec(text)?.[1] ?? "";
      if (options.login && Buffer.from(login, "base64").toString() !== options.login)
        return client.end("HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n");
      if (options.refuse) return client.end(`HTTP/1.1 ${options.refuse}\r\ncontent-length: 0\r\n\r\n`);
      const port = Number(new URL(method === "CONNECT" ? `http://${target}` : target!).port);
      const server = net.connect(port, "127.0.0.1", () => {
        if (method === "CONNECT") client.write("HTTP/1.1 200 Connection established\r\n\r\n");
        else {
          server.write(head);
          // Later requests of the same connection.
          client.on("data", (more) => requests.push(...(more.toString("latin1").match(/^GET \S+(?= HTTP\/)/) ?? [])));
        }
        client.pipe(server);
        server.pipe(client);
      });
      sockets.add(server);
      server.on("error", () => client.destroy());
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as net.AddressInfo;
  return {
    port,
    url: `http://${options.login ? `${options.login}@` : ""}127.0.0.1:${port}`,
    requests,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
