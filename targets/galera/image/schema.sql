CREATE DATABASE faultline;
CREATE TABLE faultline.registers (id BIGINT PRIMARY KEY, val BIGINT NOT NULL) ENGINE=InnoDB;
CREATE TABLE faultline.elements (id BIGINT, element BIGINT, PRIMARY KEY (id, element)) ENGINE=InnoDB;
CREATE TABLE faultline.lists (id BIGINT PRIMARY KEY, val LONGTEXT NOT NULL) ENGINE=InnoDB;
CREATE TABLE faultline.counters (id BIGINT PRIMARY KEY, val BIGINT NOT NULL) ENGINE=InnoDB;
FLUSH PRIVILEGES;
CREATE USER faultline@'%';
GRANT ALL ON faultline.* TO faultline@'%';
