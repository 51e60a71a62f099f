/** metadata of an object; the same shape as in kube/types.ts, which this folder, the lowest one, does not import. */
export interface ObjectMeta {
  name: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  deletionGracePeriodSeconds?: number;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  finalizers?: string[];
  ownerReferences?: OwnerReference[];
}

export interface OwnerReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
  blockOwnerDeletion?: boolean;
}

/** A CustomResourceDefinition as it is sent to the API server. */
export interface CrdObject {
  [field: string]: unknown;
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
}
