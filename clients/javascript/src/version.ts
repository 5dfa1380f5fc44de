declare const __VERSION__: string;

/** Of this client. */
export const VERSION: string = __VERSION__;
