import { CfnOutput } from 'aws-cdk-lib'
import { ARecord, HostedZone, type IAliasRecordTarget, RecordTarget } from 'aws-cdk-lib/aws-route53'
import type { Construct } from 'constructs'
import type { Domain } from '../config.ts'

/** Makes the name lead to the API: by a record in its zone, or by telling the operator which record to make. */
export function pointTo (scope: Construct, { name, zone }: Domain, target: string, alias: IAliasRecordTarget): void {
  if (zone === undefined) {
    new CfnOutput(scope, 'DomainTarget', { value: target, description: `Make a CNAME record ${name} with this value` })
    return
  }
  new ARecord(scope, 'DomainRecord', {
    zone: HostedZone.fromHostedZoneAttributes(scope, 'Zone', { hostedZoneId: zone.id, zoneName: zone.name }),
    recordName: name,
    target: RecordTarget.fromAlias(alias)
  })
}
