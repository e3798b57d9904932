/** The one part of kafkajs that is mended from outside (kafka-client.ts): its own types leave it out. */
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
