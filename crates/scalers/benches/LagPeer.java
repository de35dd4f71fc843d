import java.util.*;
import java.util.stream.*;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.common.TopicPartition;

/** Kafka's own client on the same question: committed offsets of all groups in one batch, then end offsets. */
public class LagPeer {
    public static void main(String[] arguments) throws Exception {
        int groups = Integer.parseInt(arguments[1]), passes = Integer.parseInt(arguments[2]);
        Properties settings = new Properties();
        settings.put("bootstrap.servers", arguments[0]);
        try (Admin admin = Admin.create(settings)) {
            Map<String, ListConsumerGroupOffsetsSpec> specs = IntStream.range(0, groups).boxed()
                .collect(Collectors.toMap(number -> "group-" + number, number -> new ListConsumerGroupOffsetsSpec()));
            for (int pass = 0; pass < passes; pass++) {
                long start = System.nanoTime();
                var committed = admin.listConsumerGroupOffsets(specs).all().get();
                Set<TopicPartition> partitions = new HashSet<>();
                committed.values().forEach(group -> partitions.addAll(group.keySet()));
                var ends = admin.listOffsets(partitions.stream()
                    .collect(Collectors.toMap(partition -> partition, partition -> OffsetSpec.latest()))).all().get();
                long lag = 0;
                for (var group : committed.values())
                    for (var one : group.entrySet()) lag += ends.get(one.getKey()).offset() - one.getValue().offset();
                System.out.println((System.nanoTime() - start) / 1000 + " " + lag);
            }
        }
    }
}
