/** Bun's built-in `ws`, as far as it is used here: no package is needed for it. */
declare module "ws" {
  export default class WebSocket {
    constructor(
      url: string,
      options?: {
        maxPayload?: number;
        handshakeTimeout?: number;
        perMessageDeflate?: boolean;
        headers?: Record<string, string>;
        /** An HTTP proxy; user and password may be in it. */
        proxy?: string;
      },
    );
    on(event: "open", listener: () => void): this;
    on(event: "message", listener: (data: Buffer, isBinary: boolean) => void): this;
    on(event: "ping", listener: () => void): this;
    on(event: "error", listener: (error: Error) => void): this;
    on(event: "close", listener: (code: number, reason: Buffer) => void): this;
    send(text: string): void;
    close(code?: number, reason?: string): void;
    /** Drops the connection without a closing handshake. */
    terminate(): void;
    /** Stops reading from the socket: the peer sees TCP's back-pressure. */
    pause(): void;
    resume(): void;
    readonly isPaused: boolean;
  }
}
