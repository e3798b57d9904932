/** The two parts of kafkajs that are mended from outside (kafka-client.ts, kafka-fetch.ts): its own types leave them out. */
declare module "kafkajs/src/network/requestQueue" {
  interface RequestQueue {
    throttleCheckTimeoutId: Timer | null;
    throttledUntil: number;
    pending: unknown[];
    checkPendingRequests(): void;
    scheduleCheckPendingRequests(this: RequestQueue): void;
  }
  const RequestQueue: { prototype: RequestQueue };
  export default RequestQueue;
}

declare module "kafkajs/src/protocol/requests/fetch/v11/response" {
  const response: { decode(bytes: Buffer): Promise<unknown> };
  export default response;
}
