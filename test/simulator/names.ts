/** Of the one cluster that a world has. */
export const clusterName = 'simulated';
export const clusterId = 'simulated-cluster';
